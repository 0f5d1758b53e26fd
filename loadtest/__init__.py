"""Measures the running pipeline: under load, beside other ways to build it, and beyond what one machine can do."""
