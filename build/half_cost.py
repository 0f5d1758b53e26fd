"""What half precision costs on real photos: embeddings, masks and recall, side by side with float32.

    python build/half_cost.py MANIFEST.csv [--every N]

MANIFEST.csv is what `mintmark evaluate` takes: path, label, role.
"""

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import _project  # noqa: F401  before the project's packages
import numpy as np
import onnx
import onnxruntime
from half import engine_graph
from tqdm import tqdm

from ensemble.artifacts import plain_graph
from ensemble.chain import Chain, Runner
from ensemble.contract import EMBEDDING, FOUND, MASK, MASK_THRESHOLD, Model
from ensemble.graph import FIND_COIN
from mintmark.metrics import hit_ranks, recall_at_k

RECALL_AT = (1, 2, 5, 10, 20)


@dataclass(frozen=True)
class Cost:
    """What half precision changes, over some photos."""

    photos: int
    smallest_cosine: float  # between the two embeddings of one photo
    mean_cosine: float
    smallest_iou: float  # between the two masks of one zoomed coin
    mean_iou: float
    exact: dict[int, float]  # recall@k in float32
    half: dict[int, float]  # recall@k in half precision

    def table(self) -> str:
        """The figures as Markdown."""
        rows = [f"| recall@{k} | {self.exact[k]:.4f} | {self.half[k]:.4f} |" for k in self.exact]
        return "\n".join(
            [
                f"{self.photos} photos: cosine of the two embeddings mean {self.mean_cosine:.5f}, smallest "
                f"{self.smallest_cosine:.5f}; IoU of the two masks mean {self.mean_iou:.5f}, smallest "
                f"{self.smallest_iou:.5f}",
                "",
                "| | float32 | fp16 |",
                "| --- | --- | --- |",
                *rows,
            ]
        )


def measure(manifest: Path, every: int, threads: int) -> Cost:
    """Run every n-th photo of a manifest through both precisions of the whole pipeline, in ONNX Runtime.

    ONNX Runtime rounds to fp16 after every operator and computes within an operator in float32, as Tensor Cores do.
    """
    rows = [row for row in _rows(manifest) if row["role"] in ("catalog", "query", "distractor")][::every]
    chains = [Chain(FIND_COIN, _opener(graph, threads)) for graph in (plain_graph, engine_graph)]
    embeddings: list[list[np.ndarray]] = [[], []]
    overlaps, found = [], []
    for row in tqdm(rows, desc="photos"):
        exact, half = (chain.run((manifest.parent / row["path"]).read_bytes()) for chain in chains)
        for kept, tensors in zip(embeddings, (exact, half), strict=True):
            kept.append(tensors[EMBEDDING.name][0])
        if exact[FOUND.name][0, 0]:
            overlaps.append(_iou(exact[MASK.name], half[MASK.name]))
        found.append(bool(exact[FOUND.name][0, 0]))
    both = [np.stack(kept) for kept in embeddings]
    cosines = (both[0] * both[1]).sum(axis=1)[found]
    return Cost(
        len(rows),
        float(cosines.min()),
        float(cosines.mean()),
        float(np.min(overlaps)),
        float(np.mean(overlaps)),
        *(recalls(vectors, rows) for vectors in both),
    )


def _rows(manifest: Path) -> list[dict[str, str]]:
    with manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _opener(graph: Callable[[Model], onnx.ModelProto], threads: int) -> Callable[[Model], Runner]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Optimization would remove pairs of casts as needless and so compute everything in float32.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL

    def opened(model: Model) -> Runner:
        data = graph(model).SerializeToString()
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        names = [tensor.name for tensor in model.outputs]
        return lambda inputs, threads: dict(zip(names, session.run(names, inputs), strict=True))

    return opened


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    a, b = one > MASK_THRESHOLD, other > MASK_THRESHOLD
    return float((a & b).sum() / max((a | b).sum(), 1))


def recalls(vectors: np.ndarray, rows: list[dict[str, str]]) -> dict[int, float]:
    """recall@k of the queries among a manifest's other rows, by their embeddings [rows, EMBEDDING_SIZE]."""
    queries = [i for i, row in enumerate(rows) if row["role"] == "query"]
    index = [i for i, row in enumerate(rows) if row["role"] != "query"]
    # A distractor's label is nobody's.
    labels = [row["label"] if row["role"] != "distractor" else f"distractor {i}" for i, row in enumerate(rows)]
    cosines = vectors[queries] @ vectors[index].T
    ranks = hit_ranks(cosines, [labels[i] for i in queries], [labels[i] for i in index])
    return {k: recall_at_k(ranks, k) for k in RECALL_AT}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th photo only (%(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="of ONNX Runtime; 0 takes all cores")
    options = parser.parse_args()
    print(measure(options.manifest, options.every, options.threads).table())


if __name__ == "__main__":
    main()
