"""`mintmark evaluate` on a handful of photos whose result is known."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mintmark import Ellipse, ServerUnavailable
from mintmark._contract import CATALOG, COIN_EMBEDDING, EMBEDDING_SIZE
from mintmark._evaluation import Evaluation, Sight, misses, see
from mintmark._manifest import Row
from mintmark._pictures.misses import COLUMNS
from mintmark._turns import turned
from tests.python_client.fake_coin_server import Coin, FakeCoinServer, relief_map
from tests.python_client.samples import Capture, Run

Report = Callable[..., dict[str, Any]]

# path, label, role, set, what the photo shows; the third axis is a distractor's
PHOTOS: list[tuple[str, str, str, str, Coin | None]] = [
    ("cat/a.jpg", "a", "catalog", "one", Coin((1, 0, 0))),
    ("cat/b.jpg", "b", "catalog", "one", Coin((0, 1, 0))),
    ("cat/gone.jpg", "b", "catalog", "one", None),
    ("cat/other.jpg", "other", "distractor", "two", Coin((0, 0, 1))),
    ("q/a1.jpg", "a", "query", "one", Coin((1, 0.1, 0.2))),  # a first
    ("q/a2.jpg", "a", "query", "one", Coin((0.5, 0.1, 1))),  # the distractor, then a
    ("q/b1.jpg", "b", "query", "one", Coin((0.3, 0.2, 1))),  # the distractor, a, b
    ("q/b2.jpg", "b", "query", "one", None),  # a miss
    ("q/u.jpg", "u", "unknown", "one", Coin((1, 1, 1))),
    ("scene.jpg", "", "scene", "two", Coin((1, 0, 0), (10, 10, 8, 4, 0))),
]


@pytest.fixture
def manifest(tmp_path: Path, server: FakeCoinServer) -> Path:
    """The photos above, and the manifest that lists them."""
    path = tmp_path / "manifest.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "role", "set"])
        for name, label, role, group, coin in PHOTOS:
            writer.writerow([name, label, role, group])
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(name.encode())
            server.photos[name.encode()] = coin
    return path


@pytest.fixture
def report(run: Run, capsys: Capture) -> Report:
    """The JSON that `mintmark evaluate` prints."""

    def measure(*argv: object) -> dict[str, Any]:
        assert run("evaluate", *argv, "--json") == 0
        parsed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return parsed

    return measure


def test_recall(report: Report, manifest: Path, server: FakeCoinServer) -> None:
    """Worked out by hand from PHOTOS."""
    result = report(manifest)
    assert result["photos"] == {"catalog": 3, "distractor": 1, "query": 4, "unknown": 1}
    assert result["index"] == {"pictures": 3, "left_out": 1}
    assert result["found"] == pytest.approx(
        {"all": 7 / 9, "catalog": 2 / 3, "distractor": 1.0, "query": 0.75, "unknown": 1.0}
    )
    recalls = {"recall@1": 0.25, "recall@2": 0.5, "recall@5": 0.75, "recall@10": 0.75, "recall@20": 0.75}
    assert result["recall"]["overall"] == {"queries": 4, **recalls}
    assert [result["recall"]["labels"][label]["recall@2"] for label in "ab"] == [1.0, 0.0]
    assert result["refused"] == {} and result["outlines"] is None
    # The catalog is left alone.
    assert {model for model, _ in server.calls} == {CATALOG, COIN_EMBEDDING} and server.operations == ["status"]
    assert len(server.calls) == 1 + 9


def test_auroc(report: Report, manifest: Path) -> None:
    """The unknown coin scores 0.58: below three of the queries, above the one without a coin."""
    assert report(manifest)["auroc"] == 0.75


def test_refused_photo(report: Report, manifest: Path, server: FakeCoinServer, run: Run, capsys: Capture) -> None:
    """It is named. A refused query is a miss; a refused catalog picture is left out."""
    del server.photos[b"q/a1.jpg"], server.photos[b"cat/b.jpg"]
    result = report(manifest)
    assert result["refused"] == dict.fromkeys(["cat/b.jpg", "q/a1.jpg"], "photo is not an image")
    assert result["index"] == {"pictures": 2, "left_out": 2}
    assert result["recall"]["overall"]["recall@20"] == 0.25
    run("evaluate", manifest)
    out, err = capsys.readouterr()
    assert "mintmark: q/a1.jpg: photo is not an image" in err and "refused 2 photos" in out


def test_set_and_root(report: Report, manifest: Path, tmp_path: Path) -> None:
    """Rows of other sets are ignored. Paths may start in another folder."""
    elsewhere = tmp_path / "lists"
    elsewhere.mkdir()
    moved = manifest.rename(elsewhere / "m.csv")
    result = report(moved, "--root", tmp_path, "--set", "one", "--concurrency", "1")
    assert "distractor" not in result["photos"]
    assert result["recall"]["overall"]["recall@1"] == 0.5


def test_outlines(report: Report, manifest: Path, tmp_path: Path) -> None:
    """Photos of any role are measured. Outlines of quality 0 and photos outside the manifest are left out."""
    outlines = tmp_path / "ellipses.csv"
    outlines.write_text(
        "path,cx,cy,a,b,angle,quality\n"
        "scene.jpg,10,10,8,8,0,1\n"  # twice what the server says
        "scene.jpg,10,10,8,4,180,1\n"  # the same
        "q/a1.jpg,60,50,40,30,20,1\n"
        "q/a1.jpg,60,50,90,90,0,0\n"
        "q/b2.jpg,60,50,40,30,20,1\n"
        "unlisted.jpg,0,0,1,1,0,1\n"
    )
    result = report(manifest, "--outlines", outlines)["outlines"]
    assert (result["photos"], result["found"]) == (3, 2)
    assert result["best"] == pytest.approx({"mean": 2 / 3, "median": 1, "share>=0.9": 2 / 3}, abs=1e-3)
    assert result["largest"] == pytest.approx({"mean": 0.5, "median": 0.5, "share>=0.9": 1 / 3}, abs=1e-3)


def test_scenes(report: Report, manifest: Path, server: FakeCoinServer, run: Run, capsys: Capture) -> None:
    """Coins of photos of many: found, missed, found twice, roughly found, and at a doubtful outline."""
    places = [(10, 10, 8, 8, 0), (10.2, 10, 8, 8, 0), (40, 10, 8, 7, 0), (70, 10, 8, 8, 0), (90, 90, 5, 5, 0)]
    server.trays[b"scene.jpg"] = [Coin((1, 0, 0), place) for place in places]
    outlines = manifest.parent / "ellipses.csv"
    outlines.write_text(
        "path,cx,cy,a,b,angle,quality\n"
        "scene.jpg,10,10,8,8,0,1\n"  # found twice
        "scene.jpg,40,10,8,8,0,1\n"  # found with an IoU of 7 / 8
        "scene.jpg,100,10,8,8,0,1\n"  # missed
        "scene.jpg,70,10,8,8,0,0\n"  # doubtful
    )
    result = report(manifest, "--outlines", outlines)["scenes"]
    assert (result["photos"], result["coins"], result["found"], result["refused"]) == (1, 3, 5, {})
    assert result["iou"] == {
        "0.75": pytest.approx({"recall": 2 / 3, "precision": 2 / 4}),
        "0.9": pytest.approx({"recall": 1 / 3, "precision": 1 / 4}),
    }
    assert run("evaluate", manifest, "--outlines", outlines) == 0
    assert "scenes: 3 coins in 1 photo, 5 found" in capsys.readouterr().out
    assert report(manifest)["scenes"] is None


@pytest.fixture
def turnable(manifest: Path, server: FakeCoinServer) -> Path:
    """A manifest of pictures 120 x 90 px: one whose outline follows the photo, one whose outline does not, none."""
    outlines = {"follows.png": (30, 20, 15, 10, 0), "stays.png": (30, 20, 15, 10, 0), "empty.png": None}
    rows = ["path,label,role"]
    for shade, (name, outline) in enumerate(outlines.items()):
        picture = np.full((90, 120, 3), shade, np.uint8)
        picture[0, 0] = 255  # else it is the same upside down
        data = turned(picture, 0)
        (manifest.parent / name).write_bytes(data)
        rows.append(f"{name},a,query")
        places = (
            [outline] * 4
            if name != "follows.png"
            else [outline, (20, 89, 15, 10, 90), (89, 69, 15, 10, 0), (69, 30, 15, 10, 90)]
        )
        for quarters, place in enumerate(places):
            server.photos[turned(picture, quarters)] = Coin((1, 0, 0), place) if place else None
    path = manifest.parent / "turnable.csv"
    path.write_text("\n".join(rows))
    return path


def test_turned_photos(report: Report, turnable: Path, run: Run, capsys: Capture) -> None:
    result = report(turnable, "--turned", "--no-verify")["turned"]
    assert (result["photos"], result["without_coin"]) == (2, 1)
    assert result["agree"] == 0.5 and result["differ"] == {"stays.png": 3}
    run("evaluate", turnable, "--turned", "--no-verify")
    out = capsys.readouterr().out
    assert "0.5000 of the outlines agree" in out and "stays.png: 3 of 3 turns differ" in out


def test_a_photo_that_cannot_be_turned_is_named(report: Report, manifest: Path) -> None:
    """Those of the manifest are no pictures."""
    assert report(manifest, "--turned")["turned"] == {"photos": 0, "without_coin": 0, "agree": None, "differ": {}}


def test_photos_without_a_coin(report: Report, manifest: Path, server: FakeCoinServer) -> None:
    """One of two is said to show one."""
    with manifest.open("a") as file:
        file.write("bus.jpg,,nothing,one\ncap.jpg,,nothing,one\n")
    for name, coin in (("bus.jpg", None), ("cap.jpg", Coin((1, 0, 0)))):
        (manifest.parent / name).write_bytes(name.encode())
        server.photos[name.encode()] = coin
    result = report(manifest)
    assert result["found"]["nothing"] == 0.5 and result["photos"]["nothing"] == 2
    assert result["recall"]["overall"]["queries"] == 4


def test_the_worst_queries_are_drawn(run: Run, manifest: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "worst.png"
    assert run("evaluate", manifest, "--worst", sheet) == 0
    picture = cv2.imread(str(sheet))
    assert picture is not None
    inked = (picture < 60).all(axis=2)
    tiles = np.array_split(inked, COLUMNS, axis=1)
    assert all(tile.any() for tile in tiles), "three queries went wrong: one tile each"


def test_misses_come_worst_first() -> None:
    def sight(*vector: float) -> Sight:
        values = np.zeros(EMBEDDING_SIZE, np.float32)
        values[: len(vector)] = vector
        return Sight(values / np.linalg.norm(values), relief_map(None), Ellipse(40, 30, 20, 18, 0))

    rows = [
        Row("a", "a", "catalog"), Row("b", "b", "catalog"), Row("d", "d", "distractor"),
        Row("right", "a", "query"), Row("close", "a", "query"), Row("far", "b", "query"),
        Row("none", "a", "query"), Row("lacking", "z", "query"), Row("other", "a", "unknown"),
    ]  # fmt: skip
    sights = {
        "a": sight(1), "b": sight(0, 1), "d": sight(0, 0, 1), "right": sight(1, 0.1), "close": sight(1, 1.2),
        "far": sight(0.1, 0.1, 1), "none": Sight(), "lacking": sight(1, 0.2, 0), "other": sight(0, 1),
    }  # fmt: skip
    evaluation = Evaluation(rows, sights, judge=None)
    evaluation.report()
    wrong = misses(evaluation)
    assert {miss.query.path for miss in wrong[:2]} == {"none", "lacking"}
    assert [miss.query.path for miss in wrong[2:]] == ["far", "close"]
    firsts = {miss.query.path: miss.first and miss.first.row.path for miss in wrong}
    assert firsts == {"none": None, "lacking": "a", "far": "d", "close": "b"}
    assert [miss.right and miss.right.row.path for miss in wrong[2:]] == ["b", "a"]
    assert wrong[3].first is not None and wrong[3].first.score == pytest.approx(1.2 / np.hypot(1, 1.2))
    alone = Evaluation([row for row in rows if row.role == "query" and row.path != "none"], sights, judge=None)
    alone.report()
    assert misses(alone) == []


def test_reliefs_are_compared(report: Report, manifest: Path, server: FakeCoinServer) -> None:
    """The embedding of q/b1 is nearer to two others; its relief is that of b."""
    shown = {"cat/b.jpg": 1, "cat/a.jpg": 2, "cat/other.jpg": 3, "q/b1.jpg": 1}
    coins = {path: coin for path, *_, coin in PHOTOS if coin}
    server.photos |= {path.encode(): replace(coins[path], relief=relief) for path, relief in shown.items()}
    assert report(manifest)["recall"]["labels"]["b"]["recall@1"] == 0.5
    assert report(manifest, "--no-verify")["recall"]["labels"]["b"]["recall@1"] == 0.0
    assert {model for model, _ in server.calls} == {CATALOG, COIN_EMBEDDING} and set(server.operations) == {"status"}


def test_few_pictures_of_each_label(report: Report, manifest: Path, server: FakeCoinServer) -> None:
    """A second picture of a, unlike all queries, is drawn about half of the time; then a1 and a2 find it too late."""
    with manifest.open("a") as file:
        file.write("cat/a2.jpg,a,catalog,one\n")
    (manifest.parent / "cat/a2.jpg").write_bytes(b"cat/a2.jpg")
    server.photos[b"cat/a2.jpg"] = Coin((-1, 0, 0))
    result = report(manifest, "--shots", 1, "--repeats", 40)
    whole, few = result["recall"]["overall"]["recall@1"], result["shots"]
    assert (few["pictures"], few["repeats"]) == (1, 40)
    assert 0 < few["recall@1"]["mean"] < whole and few["recall@1"]["spread"] > 0
    again = report(manifest, "--shots", 1, "--repeats", 40)["shots"]
    assert again == few != report(manifest, "--shots", 1, "--repeats", 40, "--seed", 1)["shots"]
    assert report(manifest, "--shots", 2, "--repeats", 2)["shots"]["recall@1"] == {"mean": whole, "spread": 0.0}


def test_accepted_share_of_unknown_coins(report: Report, manifest: Path) -> None:
    """One of four known coins shows no coin: any threshold that refuses less lets everything pass."""
    assert report(manifest)["unknown_accepted"] == {"1%": 1.0, "2%": 1.0, "5%": 1.0}


def test_a_server_that_does_not_verify(run: Run, manifest: Path, server: FakeCoinServer, capsys: Capture) -> None:
    server.catalog.judge = {}
    assert run("evaluate", manifest) == 1
    assert "does not verify; use --no-verify" in capsys.readouterr().err


def test_text(run: Run, manifest: Path, tmp_path: Path, capsys: Capture) -> None:
    """It prints tables."""
    outlines = tmp_path / "ellipses.csv"
    outlines.write_text("path,cx,cy,a,b,angle\nq/a1.jpg,60,50,40,30,20\n")
    assert run("evaluate", manifest, "--outlines", outlines) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "role        photos  coin found"
    assert "label  queries  recall@1  recall@2  recall@5  recall@10  recall@20" in lines
    assert "all          4    0.2500    0.5000    0.7500     0.7500     0.7500" in lines
    assert any("AUROC" in line and line.endswith("0.7500") for line in lines)
    assert "outlines: 1 photos, coin found in 1" in lines
    assert err.splitlines()[0] == "photos: 9" and err.splitlines()[1].startswith("photos: 9 of 9 in 0:0")


def test_nothing_to_search(report: Report, manifest: Path) -> None:
    """Without queries or catalog there is no recall, and no crash."""
    manifest.write_text("path,label,role\nq/a1.jpg,a,query\nq/u.jpg,u,unknown\n")
    result = report(manifest)
    assert (result["recall"], result["auroc"]) == (None, 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na,b\n", "lacks the column role"),
        ("path,label,role\n", "no rows"),
        ("path,label,role\nscene.jpg,,scene\n", "names no photo to evaluate"),
        ("path,label,role\nnowhere.jpg,a,query\nq/a1.jpg,a,query\n", "1 of 2 photos are not under"),
    ],
)
def test_bad_manifest(run: Run, manifest: Path, text: str, message: str, capsys: Capture) -> None:
    """One line says what is wrong."""
    manifest.write_text(text)
    assert run("evaluate", manifest) == 1
    assert message in capsys.readouterr().err


def test_bad_set(run: Run, manifest: Path, capsys: Capture) -> None:
    """No row belongs to the set."""
    assert run("evaluate", manifest, "--set", "three") == 1
    assert "no rows of the set three" in capsys.readouterr().err


def test_server_goes_away(run: Run, manifest: Path, server: FakeCoinServer, capsys: Capture) -> None:
    """This is no refusal of a photo: the command stops."""
    server.error = ServerUnavailable("server is unavailable")
    assert run("evaluate", manifest) == 1
    assert "mintmark: server is unavailable" in capsys.readouterr().err


def test_without_unknown_photos_it_says_so(run: Run, manifest: Path, capsys: Capture) -> None:
    """Acceptance of unknown coins cannot be measured then."""
    rows = [line for line in manifest.read_text().splitlines() if ",unknown," not in line]
    manifest.write_text("\n".join(rows) + "\n")
    assert run("evaluate", manifest) == 0
    assert "no photos of the role unknown" in capsys.readouterr().out


def test_pictures_are_kept_only_for_the_sheet(run: Run, manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of them would fill the memory."""
    assert Sight().coin is None
    kept: list[bool] = []

    def spy(client: Any, photo: Path, with_coin: bool = False) -> Sight:
        kept.append((sight := see(client, photo, with_coin)).coin is not None)
        return sight

    monkeypatch.setattr("mintmark._cli.evaluate.see", spy)
    assert run("evaluate", manifest) == 0 and not any(kept)
    assert run("evaluate", manifest, "--worst", manifest.parent / "worst.png") == 0 and any(kept)
