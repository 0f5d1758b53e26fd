"""Fit the judge: from the similarities of two coins to the probability that they are the same.

    python -m training.judge MANIFEST.csv [MANIFEST.csv …]

A manifest has the columns path, label and role, as `mintmark evaluate` takes them. Each photo of the role query or
unknown is asked of the catalog pictures. Photos of the role either are asked of one another; a column source_photo says
which were taken together, and are not compared. A column family names labels that share a side, such as three copper
coins of a currency: they are not compared.

Every photo is asked three times: of all pictures, of those of other labels, and of few of these, which are rarely its
siblings, as strangers' coins rarely are. The best candidate of each time is right or wrong, which is what the judge
learns to tell (logistic regression: Cox 1958). Every manifest has the same weight, and in it right answers have as much
as wrong ones. How much correlation and advantage count beside the cosine is not fitted but fixed below: it decides the
ranking, and is what measures best there.

Writes weights/judge.json and prints what it holds.
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from backends.cpu_steps import open_runner
from ensemble import artifacts
from ensemble.chain import Chain
from ensemble.contract import EMBEDDING, FOUND, RELIEF
from ensemble.cpu import Cpu
from ensemble.graph import FIND_COIN
from ensemble.verification import NOT_COMPARED, Judge, probability, stored, verify

CORRELATION, ADVANTAGE = 0.7, 0.15  # beside a weight of 1 for the cosine (LOG, 2026-11-30)
KNOWN = 0.5  # more likely the same than not
FEW = 40  # pictures of a small catalog

RANKING = Judge(1.0, CORRELATION, ADVANTAGE, 0.0, 1.0, 0.0, KNOWN)


@dataclass(frozen=True)
class Photos:
    """The coins of a manifest, [N] each: what the models make of them, and what is known of them."""

    embeddings: np.ndarray
    reliefs: np.ndarray  # of all trials
    labels: np.ndarray
    families: np.ndarray
    sources: np.ndarray
    roles: np.ndarray


def read(manifest: Path) -> Photos:
    """Take all photos of a manifest through the models; those without a coin are left out.

    Raises:
        KeyError: a column is missing.
        OSError: a photo cannot be read.
    """
    chain = Chain(FIND_COIN, lambda model: open_runner(model, Cpu(1, 1)))
    with manifest.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["role"] in ("catalog", "query", "unknown", "either")]
    seen = []
    for row in tqdm(rows, desc=manifest.parent.name, unit="photo"):
        tensors = chain.run((manifest.parent / row["path"]).read_bytes())
        if tensors[FOUND.name][0, 0] > 0.5:
            seen.append((row, tensors[EMBEDDING.name][0], tensors[RELIEF.name][0]))
    kept, embeddings, reliefs = zip(*seen, strict=True)

    def column(name: str, default: str) -> np.ndarray:
        return np.array([row.get(name) or row.get(default) or "" for row in kept])

    names = column("label", ""), column("family", "label"), column("source_photo", "path"), column("role", "")
    return Photos(np.stack(embeddings), np.stack(reliefs), *names)


def asked(photos: Photos, seed: int = 0) -> Iterator[tuple[int, np.ndarray]]:
    """Each photo that asks, with the photos that it is asked of."""
    rng = np.random.default_rng(seed)
    either, catalog = np.flatnonzero(photos.roles == "either"), np.flatnonzero(photos.roles == "catalog")
    for photo in range(len(photos.labels)):
        if photos.roles[photo] in ("query", "unknown"):
            others = catalog
        elif photos.roles[photo] == "either":
            apart = either[photos.sources[either] != photos.sources[photo]]
            others = rng.choice(apart, min(FEW, len(apart)), replace=False)
        else:
            continue
        same = photos.labels[others] == photos.labels[photo]
        alike = photos.families[others] == photos.families[photo]
        yield photo, others[same | ~alike]
        strange = others[~alike]
        yield photo, strange
        yield photo, rng.choice(strange, min(FEW, len(strange)), replace=False)


def best_candidates(photos: Photos) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each time that a photo is asked: ranking score with and cosine without verification, and which are right.

    Returns:
        scores [N], cosines [N], right [N, 2]: by score, and by cosine.
    """
    maps = np.stack([stored(trials[0]) for trials in photos.reliefs])
    found = []
    for photo, others in tqdm(list(asked(photos)), desc="compare", unit="photo"):
        if not len(others):
            continue
        cosines = photos.embeddings[others] @ photos.embeddings[photo]
        scores = verify(photos.reliefs[photo], cosines, maps[others], RANKING).log_odds
        right = photos.labels[others] == photos.labels[photo]
        found.append((scores.max(), cosines.max(), right[scores.argmax()], right[cosines.argmax()]))
    scores, cosines, by_score, by_cosine = (np.array(values) for values in zip(*found, strict=True))
    return scores, cosines, np.stack([by_score, by_cosine], 1)


def line(values: np.ndarray, right: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the log odds, by Newton's method; all [N]."""
    design = np.stack([values, np.ones(len(values))], 1)
    solution = np.zeros(2)
    for _ in range(100):
        chances = probability(design @ solution)
        slope = design.T @ (weights * (chances - right))
        curvature = (design * (weights * chances * (1 - chances))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        solution -= step
        if np.abs(step).max() < 1e-9:
            break
    return float(solution[0]), float(solution[1])


def balanced(right: np.ndarray) -> np.ndarray:
    """Weights [N] with which right and wrong answers count the same, and all together 1."""
    return np.where(right, 0.5 / max(right.sum(), 1), 0.5 / max((~right).sum(), 1))


def fit(sets: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Judge:
    """The judge of what `best_candidates` found in several manifests."""
    scores, cosines, right = (np.concatenate(parts) for parts in zip(*sets, strict=True))
    slope, offset = line(scores, right[:, 0], np.concatenate([balanced(truth[:, 0]) for _, _, truth in sets]))
    alone, offset_alone = line(cosines, right[:, 1], np.concatenate([balanced(truth[:, 1]) for _, _, truth in sets]))
    return Judge(
        cosine=round(slope, 3),
        correlation=round(slope * CORRELATION, 3),
        advantage=round(slope * ADVANTAGE, 3),
        offset=round(offset, 3),
        cosine_alone=round(alone, 3),
        offset_alone=round(offset_alone, 3),
        known=KNOWN,
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", nargs="+", type=Path, metavar="MANIFEST.csv")
    args = parser.parse_args()
    sets = [best_candidates(read(manifest)) for manifest in args.manifests]
    judge = fit(sets)
    artifacts.JUDGE.write_text(judge.to_json() + "\n", encoding="utf-8")
    print(judge.to_json())
    for manifest, (scores, cosines, right) in zip(args.manifests, sets, strict=True):
        verified = probability(judge.cosine * scores + judge.offset) >= judge.known
        alone = judge.log_odds(cosines, np.full(len(cosines), NOT_COMPARED)) >= 0
        for name, known, truth in (("verified", verified, right[:, 0]), ("cosine alone", alone, right[:, 1])):
            print(
                f"{manifest.parent.name}: {name}: {known[truth].mean():.1%} of right answers known, "
                f"{known[~truth].mean():.1%} of wrong ones"
            )


if __name__ == "__main__":
    main()
