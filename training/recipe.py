"""From nothing to exported, evaluated weights: every step of a recipe, in order.

    python -m training.recipe laptop --work DIR [--photos PHOTOS/ellipses.csv] [--dataset FOLDER] [--backgrounds FOLDER]

Each step is a command that can be given by hand; it is printed before it runs. Finished steps are not run again, and
an interrupted training goes on from its last epoch, so the same command continues after a stop. Everything is written
into DIR, weights/ included; what serves stays as it is until `python -m training.installation DIR`. DIR/finished.json
says that all is done, and how it can be repeated.
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.installation import table
from training.work import Work, figures, read

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Recipe:
    """The networks, and how much of everything."""

    classes: int  # rendered for the embedding
    views: int  # pictures of each
    scenes: int  # rendered for the segmentation
    segmentation_minutes: float
    embedding_minutes: float
    held_out: int  # classes of the collection that the server is measured on
    segmentation_network: str = "unet_efficientnet_lite0"
    embedding_network: str = "polar_edges_efficientnet_b0"
    pretrained: tuple[str, ...] = ()  # networks, segmentation or embedding, whose encoder starts from ImageNet weights
    from_shipped: bool = False  # whether the segmentation starts from the weights that serve
    embedding_from_shipped: bool = False  # the same of the embedding
    found_by_server: bool = False  # crops are cut by the outlines that the server finds, not by the exact ones
    fisher: bool = True  # whether the embedding's last layer is fitted once more when it is trained
    embedding_settings: tuple[str, ...] = ()
    segmentation_settings: tuple[str, ...] = ()


LARGE: dict[str, Any] = {"embedding_settings": ("batch=512",), "segmentation_settings": ("pixels=1048576",)}
RECIPES = {
    # Minutes in all: shows that every step works.
    "smoke": Recipe(40, 4, 60, 0.5, 0.5, 8, from_shipped=True, found_by_server=True),
    # Four hours on two cores.
    "laptop": Recipe(2000, 10, 2000, 75, 120, 300, from_shipped=True),
    # An hour on two cores: what serves, used to photos of one's own.
    "fine-tune": Recipe(
        400,
        8,
        600,
        15,
        25,
        150,
        from_shipped=True,
        embedding_from_shipped=True,
        embedding_settings=("backbone_rate=0.001", "head_rate=0.001"),
    ),
    # Half an hour and half a day on one GPU with 16 cores.
    "gpu": Recipe(8000, 10, 8000, 7, 11, 1200, from_shipped=True, **LARGE),
    "full": Recipe(20000, 12, 30000, 180, 360, 1200, pretrained=("segmentation",), found_by_server=True, **LARGE),
    # The method as it was published. Its ImageNet weights come from the model hubs of the libraries.
    "published": Recipe(
        20000,
        12,
        30000,
        180,
        360,
        1200,
        segmentation_network="unet_efficientnet_b4",
        embedding_network="efficientnet_b0",
        fisher=False,
        pretrained=("segmentation", "embedding"),
        embedding_settings=("batch=512", "pair_weight=0", "ramp=0.001", "first_scale=25"),
        segmentation_settings=("pixels=1048576", "false_find_weight=0"),
    ),
}


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: of the step.
        command: its command line.
        saved: file that takes its output, which else goes to the terminal.
        trained: whether it uses the weights of the work folder; else those that serve.
    """

    name: str
    command: tuple[str, ...]
    saved: Path | None = None
    trained: bool = False


def steps(
    recipe: Recipe,
    place: Work,
    photos: Path | None = None,
    dataset: Path | None = None,
    backgrounds: Path | None = None,
) -> Iterator[Step]:
    """All steps in their order.

    Args:
        recipe: how much of everything.
        place: the work folder.
        photos: ellipses.csv of outlined photos for the segmentation.
        dataset: folder of a data set for the embedding, see docs/dataset.md; its held-out photos are what is measured.
        backgrounds: folder of `training.backgrounds.fetch`, for the segmentation: coins on them, and none.
    """
    work = place.folder
    python, data, runs = sys.executable, work / "data", work / "runs"
    workers = str(os.cpu_count() or 1)

    def module(name: str, *arguments: object) -> tuple[str, ...]:
        return (python, "-m", name, *(str(argument) for argument in arguments))

    scenes, crops = data / "scenes", data / "crops"
    render = ("--workers", workers, "--out")
    yield Step("scenes", module("training.render", "scenes", "--count", recipe.scenes, *render, scenes))
    if photos:
        yield Step("photos", module("training.photos", photos, "--out", scenes))
    if backgrounds:
        compose = ("--count", 3 * recipe.scenes, "--out", scenes)
        yield Step("backgrounds", module("training.backgrounds.compose", backgrounds, *compose))
    cut = ("--found-by-server",) if recipe.found_by_server else ()
    amount = ("--classes", recipe.classes, "--views", recipe.views)
    yield Step("crops", module("training.render", "crops", *amount, *cut, *render, crops))
    split = work / "split"
    if dataset:
        yield Step("split", module("training.dataset", "split", dataset, "--out", split))
        yield Step("photos of the data set", module("training.crops", dataset, "--split", split, "--out", crops))
    shipped = ("--shipped",) if recipe.from_shipped else ()
    embedding_shipped = ("--shipped",) if recipe.embedding_from_shipped else ()
    segmentation = (recipe.segmentation_network, recipe.segmentation_minutes, recipe.segmentation_settings)
    embedding = (recipe.embedding_network, recipe.embedding_minutes, recipe.embedding_settings)
    for name, folder, (network, minutes, settings), more in (
        ("segmentation", scenes, segmentation, shipped),
        ("embedding", crops, embedding, embedding_shipped),
    ):
        changed = ("--set", *settings) if settings else ()
        where = ("--runs", runs, "--name", name, "--resume")
        pretrained = ("--pretrained",) if name in recipe.pretrained else ()
        options = ("--network", network, "--minutes", minutes, *where, *more, *pretrained, *changed)
        yield Step(name, module(f"training.train_{name}", "--data", folder, *options))
        log, picture = runs / name / "log.csv", work / f"curves_{name}.png"
        yield Step(f"curves of {name}", module("training.curves", log, "--out", picture))
    segmentation_best, best = (runs / name / "best.pt" for name in ("segmentation", "embedding"))
    if backgrounds:
        fitted = work / "segmentation.pt"
        outlines = ("--outlines", photos) if photos else ()
        fit = ("--count", max(recipe.scenes // 3, 10), "--out", fitted, *outlines)
        yield Step("coin or not", module("training.fit_coin", segmentation_best, backgrounds, *fit), work / "coin.txt")
        segmentation_best = fitted
    if recipe.fisher:
        trained, best = ("--weights", best, "--out", work / "embedding.pt"), work / "embedding.pt"
        yield Step("last layer", module("training.fisher", "--data", crops, *trained), work / "last_layer.txt")
    weights = ("--segmentation", str(segmentation_best), "--embedding", str(best))
    yield Step("export", (python, str(ROOT / "build" / "export_onnx.py"), *weights), trained=True)
    yield Step("int8", (python, str(ROOT / "build" / "quantize.py"), str(scenes)), trained=True)
    yield Step("install", (python, str(ROOT / "build" / "install_models.py")), trained=True)
    coins, judged = data / "held_out", data / "judged"
    for name, folder, seed in (("coins for the judge", judged, 70), ("held-out coins", coins, 50)):
        collection = ("--classes", recipe.held_out, "--seed", seed, "--workers", workers, "--out", folder)
        yield Step(name, module("training.mint", *collection))
    yield Step("judge", module("training.judge", judged / "manifest.csv"), trained=True)
    measured: tuple[object, ...] = (coins / "manifest.csv", "--outlines", coins / "ellipses.csv")
    if dataset:
        measured = (split / "manifest.csv", "--root", dataset, "--set", "test", "--set", "val")
    evaluate = module("training.evaluate", *measured, "--json")
    yield Step("evaluation of the weights that serve", evaluate, place.figures_before)
    yield Step("evaluation", evaluate, place.figures, trained=True)


def run_step(step: Step, environment: Mapping[str, str]) -> None:
    """Run one command to its end.

    Raises:
        SystemExit: it failed.
    """
    if step.saved is None:
        status = subprocess.run(step.command, cwd=ROOT, env=environment).returncode
    else:
        done = subprocess.run(step.command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        status = done.returncode
        if status == 0:
            step.saved.write_text(done.stdout)
    if status:
        sys.exit(f"{step.name} failed with status {status}; the same command goes on from here")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("--work", type=Path, required=True, help="folder for data, pictures and reports")
    parser.add_argument("--photos", type=Path, help="ellipses.csv of outlined photos that may be trained on")
    parser.add_argument("--dataset", type=Path, help="folder of a data set that may be trained on")
    parser.add_argument("--backgrounds", type=Path, help="folder of training.backgrounds.fetch")
    args = parser.parse_args()
    work = Work(args.work.resolve())
    work.prepare()
    given = [path and path.resolve() for path in (args.photos, args.dataset, args.backgrounds)]
    print(f"{args.recipe} on {torch.cuda.get_device_name() if torch.cuda.is_available() else 'the CPU'}")
    for step in steps(RECIPES[args.recipe], work, *given):
        stamp, line = work.folder / "done" / step.name.replace(" ", "_"), shlex.join(step.command)
        if stamp.is_file() and stamp.read_text() == line:
            continue
        print(f"\n== {step.name}\n{line}", flush=True)
        run_step(step, work.environment if step.trained else os.environ)
        stamp.write_text(line)
    work.finish(shlex.join([sys.executable, "-m", "training.recipe", *sys.argv[1:]]), args.recipe)
    print(f"\n{table(figures(read(work.figures_before)), figures(read(work.figures)))}")
    print(f"\nfinished. To serve these weights: make install-weights WORK={args.work}")


if __name__ == "__main__":
    main()
