"""Which vector index belongs to which device."""

from catalog.index.gpu import GpuFlatIndex
from catalog.vectors import VectorIndex


def vector_index_for(kind: str, device: int) -> VectorIndex | None:
    """An empty index of a GPU; None on a CPU, where the catalog chooses.

    Args:
        kind: of the model instance, as Triton names it: 'CPU' or 'GPU'.
        device: number of the GPU.

    Raises:
        GpuIndexError: the instance is on a GPU where Faiss cannot have an index.
    """
    return GpuFlatIndex(device) if kind == "GPU" else None
