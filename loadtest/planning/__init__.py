"""Beyond one machine: measured step times, a simulation of the pipeline, and what it predicts."""
