"""`mintmark export` and `import`: a catalog comes back as it was, and a damaged export is refused at once."""

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mintmark import InvalidRequest, MintmarkError, ServerUnavailable
from mintmark._archive import open_archive, verify
from tests.python_client.fake_catalog import crop, of_picture
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import EXPORTS, Capture, Run, run_on


@pytest.fixture
def filled(server: FakeCoinServer) -> FakeCoinServer:
    """A catalog of 130 views: two of each of 65 coins."""
    for number in range(130):
        fields: dict[str, Any] = {"year": 1900 + number // 2, "metadata": {"n": number // 2, "tags": ["a", "ż"]}}
        fields |= {"entry": f"c:{number // 2}", "photo": "" if number % 5 else f"{number:064x}"}  # its SHA-256
        server.add(f"coin {number // 2}", (1, number), side="ab"[number % 2], **fields)
    return server


@pytest.fixture
def other() -> FakeCoinServer:
    """Another server, empty, with the same weights."""
    return FakeCoinServer()


@pytest.mark.parametrize("name", EXPORTS)
def test_from_server_to_server(
    filled: FakeCoinServer, other: FakeCoinServer, run: Run, tmp_path: Path, name: str, capsys: Capture
) -> None:
    """All views arrive. A second import adds nothing."""
    target = tmp_path / name
    assert run("export", target) == 0
    out, err = capsys.readouterr()
    assert out == f"exported 130 views to {target}\n" and "exported: 130 of 130" in err
    assert run_on(other, "import", target) == 0
    out, err = capsys.readouterr()
    assert out == "imported 130 new views of 130\n" and "verified: 130 of 130" in err
    assert other.catalog.entries == filled.catalog.entries
    assert [(v.entry, v.side, v.picture, v.photo) for v in other.catalog.views] == [
        (v.entry, v.side, v.picture, v.photo) for v in filled.catalog.views
    ]
    for ours, theirs in zip(other.catalog.views, filled.catalog.views, strict=True):
        expected = theirs.embeddings["abc123"] if name.endswith("parquet") else of_picture("abc123", theirs.picture)
        np.testing.assert_array_equal(ours.embeddings["abc123"], expected)
    assert run_on(other, "import", target) == 0
    assert capsys.readouterr().out == "imported 0 new views of 130\n"


@pytest.mark.parametrize("name", EXPORTS)
def test_what_is_imported_is_exported_to_the_last_byte(
    filled: FakeCoinServer, other: FakeCoinServer, run: Run, tmp_path: Path, name: str
) -> None:
    """The threshold included."""
    filled.catalog.threshold, filled.catalog.calibrated = 0.1 + 0.2, True
    first, second = tmp_path / "1" / name, tmp_path / "2" / name
    assert run("export", first) == 0
    assert run_on(other, "import", first) == 0
    assert run_on(other, "export", second) == 0
    files = [sorted(path.relative_to(top.parent) for path in top.parent.rglob("*.*")) for top in (first, second)]
    assert files[0] == files[1]
    for path in files[0]:
        assert (tmp_path / "1" / path).read_bytes() == (tmp_path / "2" / path).read_bytes(), path


THRESHOLDS = {  # of the export, of the catalog that imports, if it has one: what is said
    (0.7, None): "set the export's threshold: a coin is known from 0.7000 on (before: 0.5000)\n",
    (0.7, 0.6): "kept the catalog's own threshold 0.6000; the export's is 0.7000\n",
    (0.7, 0.7): "",
    (None, 0.6): "",
    (None, None): "",
}


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize(("theirs", "ours"), THRESHOLDS)
def test_a_calibrated_threshold_is_taken_where_there_is_none(
    server: FakeCoinServer, other: FakeCoinServer, run: Run, tmp_path: Path, capsys: Capture, name: str,
    theirs: float | None, ours: float | None,
) -> None:  # fmt: skip
    server.add("coin", (1,))
    for one, threshold in ((server, theirs), (other, ours)):
        if threshold is not None:
            one.catalog.threshold, one.catalog.calibrated = threshold, True
    assert run("export", tmp_path / name) == 0
    capsys.readouterr()
    for _ in range(2):
        assert run_on(other, "import", tmp_path / name) == 0
    said = THRESHOLDS[theirs, ours]
    more = said if "kept" in said else ""  # each time
    expected = f"imported 1 new view of 1\n{said}imported 0 new views of 1\n{more}"
    assert capsys.readouterr().out == expected
    if theirs or ours:
        assert (other.catalog.threshold, other.catalog.calibrated) == (ours or theirs, True)
    else:
        assert not other.catalog.calibrated


@pytest.mark.parametrize("changed", ["model", "relief_model"])
def test_a_threshold_of_other_weights_is_left_out(
    server: FakeCoinServer, other: FakeCoinServer, run: Run, tmp_path: Path, capsys: Capture, changed: str
) -> None:
    server.add("coin", (1,))
    server.catalog.threshold, server.catalog.calibrated = 0.7, True
    setattr(other.catalog, changed, "new")
    assert run("export", tmp_path / "out") == 0
    assert run_on(other, "import", tmp_path / "out") == 0
    assert "left out the export's threshold 0.7000, which holds for other weights" in capsys.readouterr().out
    assert not other.catalog.calibrated


def test_an_export_without_a_threshold_is_imported(
    server: FakeCoinServer, other: FakeCoinServer, run: Run, tmp_path: Path, capsys: Capture
) -> None:
    """Earlier releases wrote none."""
    server.add("coin", (1,))
    assert run("export", tmp_path / "out") == 0
    footer = tmp_path / "out" / "export.json"
    said = json.loads(footer.read_text())
    assert said.pop("threshold")["calibrated"] is False
    footer.write_text(json.dumps(said))
    assert run_on(other, "import", tmp_path / "out") == 0
    assert capsys.readouterr().out.endswith("imported 1 new view of 1\n")


def test_import_by_the_table(filled: FakeCoinServer, other: FakeCoinServer, run: Run, tmp_path: Path) -> None:
    """The folder's labels.csv may be given instead of the folder."""
    assert run("export", tmp_path / "out") == 0
    assert run_on(other, "import", tmp_path / "out" / "labels.csv") == 0
    assert other.catalog.entries == filled.catalog.entries


def test_exported_folder_can_be_enrolled(
    filled: FakeCoinServer, run: Run, tmp_path: Path, other: FakeCoinServer
) -> None:
    """Its table has the columns of `enroll --from`, with the same meaning."""
    for view in filled.catalog.views:
        view.side = {"a": "obverse", "b": "reverse"}[view.side]  # `import` alone takes sides of earlier releases
    assert run("export", tmp_path / "out") == 0
    other.photos = {view.picture: Coin((1,)) for view in filled.catalog.views}
    assert run_on(other, "enroll", "--from", tmp_path / "out" / "labels.csv") == 0
    assert other.catalog.entries == filled.catalog.entries


def test_import_of_parquet_for_other_weights(
    filled: FakeCoinServer, other: FakeCoinServer, run: Run, tmp_path: Path, capsys: Capture
) -> None:
    """Pictures are embedded again. Views without a picture are left out and counted."""
    filled.catalog.views[3].picture = b""
    other.catalog.model = "new"
    assert run("export", tmp_path / "a.parquet") == 0
    assert run_on(other, "import", tmp_path / "a.parquet") == 0
    out, err = capsys.readouterr()
    assert out.endswith("imported 129 new views of 130\n")
    assert "left out 1 view without a picture or an embedding by the server's weights" in err


def test_export_says_what_it_leaves_out(filled: FakeCoinServer, run: Run, tmp_path: Path, capsys: Capture) -> None:
    """A folder holds only views with a picture."""
    filled.catalog.views[0].picture = b""
    assert run("export", tmp_path / "out") == 0
    out, err = capsys.readouterr()
    assert "exported 129 views" in out and "left out 1 view without a stored picture" in err


@pytest.mark.parametrize("name", EXPORTS)
def test_export_overwrites_nothing(
    filled: FakeCoinServer, run: Run, tmp_path: Path, name: str, capsys: Capture
) -> None:
    """A second export needs another name."""
    assert run("export", tmp_path / name) == 0
    assert run("export", tmp_path / name) == 1
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("name", EXPORTS)
def test_export_that_breaks_off_is_no_export(
    filled: FakeCoinServer, other: FakeCoinServer, run: Run, tmp_path: Path, name: str, capsys: Capture
) -> None:
    """If the server goes away, nothing is left that looks like a complete export."""

    def fail_later(model: str, inputs: Any, parameters: Any) -> Any:
        if len(filled.calls) == 2:
            filled.error = ServerUnavailable("server is unavailable")
        return filled(model, inputs, parameters)

    target = tmp_path / name
    assert run_on(fail_later, "export", target) == 1
    assert run_on(other, "import", target) == 1
    err = capsys.readouterr().err
    assert "it lacks export.json" in err or "there is no such file" in err
    assert other.calls == [] and not list(tmp_path.glob("*.part"))


def _lose_a_photo(folder: Path) -> None:
    (folder / "photos" / "000007.jpg").unlink()


def _swap_photos(folder: Path) -> None:
    (folder / "photos" / "000007.jpg").write_bytes(crop(99))


def _edit(old: str, new: str, name: str = "labels.csv") -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8", newline="")

    return edit


def _cut(folder: Path) -> None:
    lines = (folder / "labels.csv").read_bytes().splitlines(keepends=True)
    (folder / "labels.csv").write_bytes(b"".join(lines[:-10]))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_lose_a_photo, "not whole: cannot open photos/000007.jpg"),
        (_swap_photos, "was altered since it was exported: the SHA-256"),
        (_edit("coin 5,", "coin five,"), "was altered since"),
        (_edit("1905", "1906"), "was altered since"),
        (_edit("1905", "old"), "the year is 'old'"),
        (_edit('""n"": 5', '""n"": five'), "is not JSON"),
        (_edit("photos/000007.jpg", "../labels.csv"), "is not a file in photos/"),
        (_edit("path,", "file,"), "lacks the column path"),
        (_cut, "holds 120 views, but 130 were exported: it is truncated"),
        (_edit('"format": 1', '"format": 2', "export.json"), "is an export of format 2; this client reads 1"),
        (_edit('"views": 130', '"views": "many"', "export.json"), "does not say how many views"),
        (_edit('"sha256": "', '"sha256": "0', "export.json"), "was altered since"),
        (_edit("{", "", "export.json"), "is not JSON"),
        (_edit('"score": 0.5', '"score": 0.6', "export.json"), "was altered: its threshold is not as it was exported"),
        (_edit('"score": 0.5', '"score": "x"', "export.json"), "was altered: its threshold is not as it was exported"),
        (_edit('"threshold": {', '"threshold": [], "x": {', "export.json"), "was altered: its threshold is not as"),
        (lambda folder: (folder / "export.json").unlink(), "no complete export: it lacks export.json"),
    ],
)
def test_damaged_folder(
    filled: FakeCoinServer, other: FakeCoinServer, run: Run, tmp_path: Path, damage: Any, message: str, capsys: Capture
) -> None:
    """One line says what is wrong, and nothing is sent."""
    assert run("export", tmp_path / "out") == 0
    damage(tmp_path / "out")
    assert run_on(other, "import", tmp_path / "out") == 1
    assert message in capsys.readouterr().err
    assert other.calls == []


def test_damaged_parquet(
    filled: FakeCoinServer, other: FakeCoinServer, run: Run, tmp_path: Path, capsys: Capture
) -> None:
    """A file that is cut, or has a meaningful byte changed, is refused, and nothing is sent."""
    assert run("export", tmp_path / "good.parquet") == 0
    good = (tmp_path / "good.parquet").read_bytes()
    bad = tmp_path / "bad.parquet"
    for size in (0, 3, 100, len(good) // 2, len(good) - 1):
        bad.write_bytes(good[:size])
        assert run_on(other, "import", bad) == 1
        assert "is truncated, or no Parquet file" in capsys.readouterr().err
    rng = random.Random(1)
    for place in rng.sample(range(4, len(good) - 8), 150):
        bad.write_bytes(good[:place] + bytes([good[place] ^ 0x40]) + good[place + 1 :])
        try:
            archive = open_archive(bad)
            verify(archive, lambda: None)
        except InvalidRequest:
            continue
        whole = open_archive(tmp_path / "good.parquet")
        assert archive.footer == whole.footer, "only a byte that says nothing"
    assert other.calls == []


def test_without_pyarrow(
    filled: FakeCoinServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The error says what to install. Folders work without it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for words in (["export", tmp_path / "a.parquet"], ["import", tmp_path / "a.parquet"]):
        assert run(*words) == 1
        assert "pip install pyarrow" in capsys.readouterr().err
    assert run("export", tmp_path / "out") == 0
    with pytest.raises(MintmarkError, match="pip install pyarrow"):
        open_archive(tmp_path / "a.parquet")


def test_import_of_what_is_no_export(run: Run, tmp_path: Path, server: FakeCoinServer, capsys: Capture) -> None:
    """The error points to `enroll --from`, which is for a table of one's own."""
    (tmp_path / "labels.csv").write_text("path,name\n")
    for source in (tmp_path, tmp_path / "labels.csv", tmp_path / "nowhere"):
        assert run("import", source) == 1
        assert "`mintmark enroll --from`" in capsys.readouterr().err
    assert server.calls == []


@pytest.mark.parametrize("target", EXPORTS)
def test_a_target_that_cannot_be_is_refused_before_anything_is_asked(
    run: Run, server: FakeCoinServer, tmp_path: Path, target: str, capsys: Capture
) -> None:
    there = tmp_path / target
    if there.suffix:
        there.touch()
    else:
        there.mkdir()
        (there / "old").touch()
    assert run("export", there) == 1
    assert "is there already" in capsys.readouterr().err and not server.calls
