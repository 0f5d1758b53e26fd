"""NVIDIA's perf_analyzer on every model, with real inputs."""
