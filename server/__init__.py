"""Runs Triton on this machine without a container: the `tritonserver` of a PyPI wheel, with the project's backends."""
