"""Builds the TensorRT engines of the compute models, and puts them where Triton loads them.

    python build/build_engines.py                          what is missing or out of date
    python build/build_engines.py --cache DIR              the same, keeping every engine in DIR for the next time
    python build/build_engines.py --flavor tensorrt_rtx    for the target `rtx`; needs no GPU
    python build/build_engines.py --check                  build nothing; fail where an engine does not belong here

An engine and its stamp are written to model_repository/<model>/1/model.plan and model.plan.json. An engine whose stamp
differs in anything (weights, precision, batch profile, TensorRT, GPU) is stale and is built again.

TensorRT times its kernels while it builds, so two builds of one graph may choose different kernels, and their results
may differ in the last bits. TensorRT-RTX chooses when the engine is loaded.
"""

import argparse
import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import _project  # noqa: F401  before the project's packages
import onnx
from engine_builder import BuildError, Flavor, build, load_flavor
from half import engine_graph

from ensemble.contract import COMPUTE_MODELS, Model
from ensemble.placement import PROFILE
from ensemble.places import MODEL_REPOSITORY
from ensemble.stamp import Stamp, StampError, check_stamp, precision, read_stamp, stamp_path, weights_digest

ENGINE = "model.plan"


@dataclass(frozen=True)
class Engines:
    """Where engines are kept.

    Attributes:
        repository: model repository that Triton reads.
        cache: folder that keeps every engine under its stamp's key; None keeps only those in the repository.
    """

    repository: Path
    cache: Path | None = None

    def path(self, model: Model) -> Path:
        """Where Triton loads a model's engine."""
        return self.repository / model.name / "1" / ENGINE

    def ensure(self, model: Model, flavor: Flavor) -> str:
        """Put the right engine into the repository; build it only if neither repository nor cache has it.

        Returns:
            What was done, for the log.

        Raises:
            BuildError: TensorRT cannot build it.
        """
        graph = engine_graph(model)
        stamp = stamp_of(model, graph, flavor)
        path = self.path(model)
        reason = _difference(path, stamp)
        if not reason:
            return "is up to date"
        kept = self.cache / f"{model.name}-{stamp.key}.plan" if self.cache else None
        if kept and not _difference(kept, stamp):
            write_engine(path, kept.read_bytes(), stamp)
            return f"taken from {kept}"
        engine = build(model, graph, flavor)
        for target in (kept, path):
            if target:
                write_engine(target, engine, stamp)
        return f"built, {len(engine) / 2**20:.0f} MiB ({reason})"

    def check(self, model: Model, flavor: Flavor) -> None:
        """Hold the engine in the repository to this machine.

        Raises:
            StampError: it is missing or does not belong here.
        """
        check_stamp(self.path(model), model, flavor.name, flavor.version, flavor.capability)


def stamp_of(model: Model, graph: onnx.ModelProto, flavor: Flavor) -> Stamp:
    """The stamp of the engine that would be built now."""
    digest = hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()
    return Stamp(
        model.name,
        weights_digest(model),
        digest,
        precision(model),
        PROFILE,
        flavor.name,
        flavor.version,
        flavor.capability,
    )


def _difference(engine: Path, wanted: Stamp) -> str:
    """How an engine differs from the wanted one; '' if it does not."""
    try:
        return read_stamp(engine).differences(wanted)
    except StampError as error:
        return str(error)


def write_engine(path: Path, engine: bytes, stamp: Stamp) -> None:
    """Write engine, then stamp: an engine that was cut short has no stamp and is never loaded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stamp_path(path).unlink(missing_ok=True)
    for target, content in ((path, engine), (stamp_path(path), stamp.text().encode())):
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(target)


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 if an engine cannot be built or, with --check, does not belong here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flavor", choices=("tensorrt", "tensorrt_rtx"), default="tensorrt", help="(%(default)s)")
    parser.add_argument("--repository", type=Path, default=MODEL_REPOSITORY, help="(%(default)s)")
    parser.add_argument("--cache", type=Path, help="folder that keeps every engine that was built")
    parser.add_argument("--check", action="store_true", help="build nothing, fail where an engine does not belong here")
    options = parser.parse_args(argv)
    engines = Engines(options.repository, options.cache)
    try:
        flavor = load_flavor(options.flavor)
        print(f"{flavor.name} {flavor.version}, compute capability {flavor.capability}", file=sys.stderr)
        for model in COMPUTE_MODELS:
            if options.check:
                engines.check(model, flavor)
            else:
                print(f"{model.name}: {engines.ensure(model, flavor)}", file=sys.stderr, flush=True)
    except (BuildError, StampError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
