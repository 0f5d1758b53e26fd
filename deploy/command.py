"""How Triton is started in a container."""

from dataclasses import replace

from server.launch import Launch

# Where the pool of GPU memory is exhausted, Triton answers empty outputs instead of errors. A photo in flight holds up
# to 2.1 MB of it (two pictures, two masks, one coin). Six compute models with 128 requests waiting and 32 running hold
# 960 photos: 2 GB.
CUDA_POOL_MIB = 3072
EVERY_ADDRESS = "0.0.0.0"  # inside a container; which ports are published decides who reaches them


def hardened(launch: Launch) -> Launch:
    """The same without answers by half a server: configs are complete as they are, and a model that fails ends it."""
    return replace(launch, complete_configs=False, exit_on_error=True, log_format="ISO8601")
