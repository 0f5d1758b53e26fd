"""The exact index in the memory of one GPU."""

from typing import Any

import faiss

from catalog.folder.index.tombstones import TombstoneIndex
from ensemble.contract import EMBEDDING_SIZE

TEMPORARY_MEMORY = 256 << 20  # bytes on the device; Faiss would take 1.5 GB, which the networks use better


class GpuIndexError(RuntimeError):
    """Faiss cannot make an index on this device; the message says what is missing."""


class GpuFlatIndex(TombstoneIndex):
    """A `VectorIndex` in the memory of one GPU: exact, float32, searched with queries from host or device.

    A vector takes 4 bytes for each number, and up to twice that while the index grows. Scores are sums of products in
    float32 as on the CPU, but in another order: they agree to 1e-5, and vectors that tie may change places.

    Args:
        device: number of the GPU, from 0.

    Raises:
        GpuIndexError: Faiss is built without GPU code, or there is no such device.
    """

    def __init__(self, device: int) -> None:
        if not hasattr(faiss, "GpuIndexFlatIP"):
            raise GpuIndexError(
                f"this Faiss ({faiss.__version__}) is built without GPU code: install requirements/gpu.txt"
            )
        if device >= faiss.get_num_gpus():
            raise GpuIndexError(f"Faiss finds no CUDA device {device} (it sees {faiss.get_num_gpus()} in all)")
        config = faiss.GpuIndexFlatConfig()
        config.device = device
        try:
            resources = faiss.StandardGpuResources()
            resources.setTempMemory(TEMPORARY_MEMORY)
            index: Any = faiss.GpuIndexFlatIP(resources, EMBEDDING_SIZE, config)
            super().__init__(index)
        except RuntimeError as error:
            raise GpuIndexError(f"Faiss cannot use CUDA device {device}: {error}") from error
