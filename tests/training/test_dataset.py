"""Data sets made by hand: every rule of the validator, splits that share nothing, sheets, the command line."""

import csv
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from mintmark._manifest import read_manifest
from training import dataset
from training.dataset.__main__ import main
from training.dataset.outline import agreement, inside, overhang
from training.dataset.sheet import CELL, write_sheets
from training.dataset.split import manifest, tied_classes
from training.mint import Ellipse

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 96, 72
RIM = {"cx": "40", "cy": "35", "a": "25", "b": "20", "angle": "30"}
Cells = dict[str, str]


def _disc(path: Path, shade: int) -> None:
    picture = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    picture[0, :3, 0] = shade // 256, shade % 256, 7  # PNG keeps it: no two files are alike
    cv2.ellipse(picture, (40, 35), (25, 20), 30, 0, 360, (90, 160, 200), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def _mask(path: Path, angle: float = 30, size: tuple[int, int] = (WIDTH, HEIGHT), white: int = 255) -> None:
    mask = np.zeros(size[::-1], np.uint8)
    cv2.ellipse(mask, (40, 35), (25, 20), angle, 0, 360, (white,), -1)
    assert cv2.imwrite(str(path), mask)


def _coin(number: int, view: int = 0, **cells: str) -> Cells:
    row = {"path": f"{number}_{view}.png", "country": "Valdora", "currency": "taler", "denomination": str(number)}
    return {**row, "side": "obverse", **cells}


def _coins(classes: int, views: int = 2) -> list[Cells]:
    return [_coin(number, view) for number in range(1, classes + 1) for view in range(views)]


def _table(folder: Path, rows: list[Cells]) -> None:
    columns = list(dict.fromkeys(column for row in [_coin(1), *rows] for column in row))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _folder(folder: Path, rows: list[Cells]) -> Path:
    """A data set with a photo for each row."""
    for shade, row in enumerate(rows):
        _disc(folder / row["path"], shade)
    _table(folder, rows)
    return folder


def _found(folder: Path) -> list[tuple[int, str, str]]:
    """Line, column and severity of all problems, each of which is complete."""
    problems = dataset.check(folder)
    assert all(problem.reason and problem.fix and str(problem).startswith("labels.csv:") for problem in problems)
    return [(p.line, p.column, "warning" if p.warning else "error") for p in problems]


# --- reading --------------------------------------------------------------------------------------------------------


def test_year_is_no_part_of_the_class_but_side_and_issue_are(tmp_path: Path) -> None:
    rows = [
        _coin(1, 0, year="1990"),
        _coin(1, 1, year="2004"),
        _coin(1, 2, side="Reverse"),
        _coin(1, 3, issue="jubilee"),
    ]
    data = dataset.read(_folder(tmp_path, rows))
    assert [(key.side, key.issue, len(photos)) for key, photos in data.classes.items()] == [
        ("obverse", "", 2),
        ("obverse", "jubilee", 1),
        ("reverse", "", 1),
    ]
    assert [photo.facts["year"] for photo in data.photos] == [1990, 2004, None, None]
    assert len({key.label for key in data.classes}) == 3


def test_accents_and_spaces_typed_differently_are_one_class(tmp_path: Path) -> None:
    rows = [_coin(1, 0, country="Côte  d'Or"), _coin(1, 1, country="Co\u0302te d'Or")]
    assert len(dataset.read(_folder(tmp_path, rows)).classes) == 1


def test_catalog_picture_is_the_named_one_or_the_first_that_is_no_query(tmp_path: Path) -> None:
    rows = [_coin(1, 0), _coin(1, 1, role="catalog"), _coin(2, 0, role="query"), _coin(2, 1), _coin(2, 2)]
    rows += [_coin(3, 0, role="query")]
    data = dataset.read(_folder(tmp_path, rows))
    assert [[photo.path for photo in photos] for photos in data.catalog.values()] == [["1_1.png"], ["2_1.png"], []]


def test_reads_what_the_mint_writes(tmp_path: Path) -> None:
    _disc(tmp_path / "catalog" / "00000.jpg", 0)
    table = "path,name,country,currency,denomination,side,year\n"
    (tmp_path / "labels.csv").write_text(table + "catalog/00000.jpg,Valdora 5 talers,Valdora,taler,5,obverse,1987\n")
    (photo,) = dataset.read(tmp_path).photos
    assert photo.key == dataset.ClassKey("Valdora", "taler", "5", "obverse")
    assert (photo.facts["year"], photo.source, photo.outlined) == (1987, "catalog/00000.jpg", False)


def test_byte_order_mark_and_blank_rows_are_no_harm(tmp_path: Path) -> None:
    _folder(tmp_path, _coins(1))
    text = (tmp_path / "labels.csv").read_text().replace("\n", "\n,,,,\n")
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8-sig")
    assert [photo.line for photo in dataset.read(tmp_path).photos] == [3, 5]


def test_read_raises_with_every_bad_row(tmp_path: Path) -> None:
    rows = [_coin(1, view, side="front") for view in range(14)]
    with pytest.raises(dataset.DatasetError, match=r"labels\.csv:2: error: side 'front'") as caught:
        dataset.read(_folder(tmp_path, rows))
    assert [problem.line for problem in caught.value.problems] == list(range(2, 16))
    assert "and 4 more" in str(caught.value)


# --- the validator --------------------------------------------------------------------------------------------------


def test_good_folder_has_no_problems(tmp_path: Path) -> None:
    rows = [*_coins(2), _coin(3, 0, **RIM, mask="mask.png"), _coin(3, 1, mask="mask.png")]
    _folder(tmp_path, rows)
    _mask(tmp_path / "mask.png")
    assert dataset.check(tmp_path) == []


BAD_TABLES = {
    "no table": (None, "file"),
    "nothing in it": (b"", "path"),
    "header only": (b"path,country,currency,denomination,side\n", "path"),
    "a column is missing": (b"path,country,currency,denomination\n1_0.png,a,b,1\n", "side"),
    "a column twice": (b"path,country,country,currency,denomination,side\n", "country"),
    "semicolons": (b"path;country;currency;denomination;side\n", "header"),
    "not UTF-8": (
        "path,country,currency,denomination,side\n1_0.png,Österreich,b,1,obverse\n".encode("latin-1"),
        "file",
    ),
    "open quotes": (b'path,country,currency,denomination,side\n1_0.png,"a,b,1,obverse\n', "file"),
    "too many cells": (b"path,country,currency,denomination,side\n1_0.png,a,b,1,obverse,more\n", "row"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_table(tmp_path: Path, case: str) -> None:
    content, column = BAD_TABLES[case]
    _disc(tmp_path / "1_0.png", 0)
    if content is not None:
        (tmp_path / "labels.csv").write_bytes(content)
    errors = [found for _, found, kind in _found(tmp_path) if kind == "error"]
    assert column in errors
    with pytest.raises(dataset.DatasetError):
        dataset.read(tmp_path)


BAD_CELLS: dict[str, tuple[Cells, str]] = {
    "no country": ({"country": " "}, "country"),
    "bar in a word": ({"issue": "a | b"}, "issue"),
    "no denomination": ({"denomination": ""}, "denomination"),
    "no path": ({"path": ""}, "path"),
    "no such file": ({"path": "elsewhere.png"}, "path"),
    "backslashes": ({"path": "photos\\1.png"}, "path"),
    "a folder": ({"path": "photos"}, "path"),
    "out of the folder": ({"path": "../outside.png"}, "path"),
    "absolute": ({"path": str(Path(sys.executable).resolve())}, "path"),
    "path too long": ({"path": "x" * 5000}, "path"),
    "duplicate": ({"path": "photos/../1_0.png"}, "path"),
    "unknown side": ({"side": "front"}, "side"),
    "unknown role": ({"role": "test"}, "role"),
    "year in words": ({"year": "c. 1900"}, "year"),
    "mask missing": ({"mask": "mask.png"}, "mask"),
    "mask out of the folder": ({"mask": "../outside.png"}, "mask"),
    "no number": ({**RIM, "cx": "40,5"}, "cx"),
    "infinite": ({**RIM, "cy": "inf"}, "cy"),
    "partly given": ({**RIM, "angle": ""}, "angle"),
    "b longer than a": ({**RIM, "b": "26"}, "b"),
    "no axis": ({**RIM, "b": "0"}, "b"),
    "beyond the photo": ({**RIM, "cx": "80"}, "cx,cy,a,b,angle"),
    "of a larger photo": ({**RIM, "a": "250", "b": "200"}, "cx,cy,a,b,angle"),
}


@pytest.mark.parametrize("case", BAD_CELLS)
def test_bad_cell_is_named_by_line_and_column(tmp_path: Path, case: str) -> None:
    cells, column = BAD_CELLS[case]
    folder = tmp_path / "coins"
    good = [_coin(1, 0), _coin(1, 1), _coin(1, 2)]
    _folder(folder, good)
    _disc(tmp_path / "outside.png", 500)
    (folder / "photos").mkdir()
    _table(folder, [*good[:2], {**good[2], **cells}])
    assert _found(folder) == [(4, column, "error")]
    (problem,) = dataset.check(folder)
    assert all(part.strip() in problem.value for part in cells.get(column, "").split())


def test_duplicate_path_is_found_without_opening_photos(tmp_path: Path) -> None:
    _folder(tmp_path, [*_coins(1), _coin(1, 2, path="./1_0.png")])
    with pytest.raises(dataset.DatasetError, match="is on line 2 already"):
        dataset.read(tmp_path)


def _cut_off(path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    encoded = cv2.imencode(".jpg", picture)[1].tobytes()
    path.write_bytes(encoded[: len(encoded) // 2])


BAD_PHOTOS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"no photo"),
    "HEIC": lambda path: path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(64)),
    "cut off": _cut_off,
}


@pytest.mark.parametrize("case", BAD_PHOTOS)
def test_photo_that_does_not_decode(tmp_path: Path, case: str) -> None:
    _folder(tmp_path, _coins(1, views=3))
    BAD_PHOTOS[case](tmp_path / "1_1.png")
    assert _found(tmp_path) == [(3, "path", "error")]


BAD_MASKS: dict[str, Callable[[Path], object]] = {
    "another size": lambda path: _mask(path, size=(HEIGHT, WIDTH)),
    "empty": lambda path: _mask(path, white=0),
    "ones instead of white": lambda path: _mask(path, white=1),
    "coin all over": lambda path: cv2.imwrite(str(path), np.full((HEIGHT, WIDTH), 255, np.uint8)),
    "no image": lambda path: path.write_bytes(b"no mask"),
    "no bytes": lambda path: path.write_bytes(b""),
    "against the ellipse": lambda path: _mask(path, angle=120),
}


@pytest.mark.parametrize("case", BAD_MASKS)
def test_bad_mask(tmp_path: Path, case: str) -> None:
    _folder(tmp_path, [_coin(1, 0), _coin(1, 1, mask="mask.png", **RIM)])
    BAD_MASKS[case](tmp_path / "mask.png")
    assert _found(tmp_path) == [(3, "mask", "error")]


def test_turned_phone_photo_is_measured_upright(tmp_path: Path) -> None:
    _folder(tmp_path, [_coin(1, 0), _coin(1, 1, path="1_1.jpg", mask="mask.png")])
    encoded = cv2.imencode(".jpg", np.zeros((WIDTH, HEIGHT, 3), np.uint8))[1].tobytes()
    tiff = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # one entry: orientation 6
    exif = b"Exif\0\0" + tiff
    turned = encoded[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + encoded[2:]
    (tmp_path / "1_1.jpg").write_bytes(turned)
    _mask(tmp_path / "mask.png")
    assert _found(tmp_path) == []


def test_same_file_twice(tmp_path: Path) -> None:
    _folder(tmp_path, [*_coins(2), _coin(1, 2), _coin(2, 2)])
    for copy in ("1_2.png", "2_2.png"):
        (tmp_path / copy).write_bytes((tmp_path / "1_0.png").read_bytes())
    assert _found(tmp_path) == [(6, "path", "error"), (7, "path", "error")]
    same, other = dataset.check(tmp_path)
    assert "line 2" in same.reason and "Valdora" not in same.reason
    assert "Valdora | taler | 1 | obverse" in other.reason


def test_warnings_leave_the_data_set_readable(tmp_path: Path) -> None:
    rows = [
        *_coins(1),
        _coin(2),  # a single photo
        *(_coin(3, view, source_photo="tray") for view in (0, 1)),  # two, of one source
        *(_coin(4, view, role="query") for view in (0, 1)),  # none to be found
    ]
    _folder(tmp_path, rows)
    assert _found(tmp_path) == [(4, "path", "warning"), (5, "path", "warning"), (7, "role", "warning")]
    assert len(dataset.read(tmp_path).photos) == len(rows)


def test_shared_source_needs_an_outline(tmp_path: Path) -> None:
    rows = [*_coins(2), _coin(1, 2, source_photo="tray"), _coin(2, 2, source_photo="tray", **RIM)]
    assert _found(_folder(tmp_path, rows)) == [(6, "source_photo", "warning")]


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [("country", "Valdora", "valdora"), ("denomination", "0.5", "1/2"), ("denomination", "2", "2,0")],
)
def test_two_spellings_of_a_class(tmp_path: Path, column: str, one: str, other: str) -> None:
    rows = [_coin(1, view, **{column: one if view < 2 else other}) for view in range(4)]
    assert _found(_folder(tmp_path, rows)) == [(4, column, "warning")]


def test_misspelt_optional_column(tmp_path: Path) -> None:
    rows = [_coin(1, view, sourcephoto="tray", remark="worn") for view in (0, 1)]
    assert _found(_folder(tmp_path, rows)) == [(1, "sourcephoto", "warning")]


def test_overhang_and_agreement_of_ellipses() -> None:
    circle = Ellipse(50, 40, 20, 20, 0)
    assert overhang(replace(circle, cx=49.5), 100, 70) == pytest.approx(0)
    assert overhang(Ellipse(50, 50, 40, 10, 90), 80, 100) == pytest.approx(10.5)
    assert inside(circle, 100, 100).sum() == pytest.approx(np.pi * 400, rel=0.01)
    assert agreement(circle, inside(circle, 100, 100)) == 1
    assert agreement(Ellipse(50, 40, 20, 10, 0), inside(circle, 100, 100)) == pytest.approx(0.5, abs=0.02)


# --- the split ------------------------------------------------------------------------------------------------------


def _many(tied: bool = True) -> list[Cells]:
    """40 classes of 5 photos; every fifth class shares a source photo with the next."""
    rows = _coins(40, views=5)
    for number in range(5, 40, 5) if tied else ():
        rows += [_coin(n, 5, source_photo=f"tray {number}") for n in (number, number + 1)]
    return rows


def _dataset(rows: list[Cells]) -> dataset.Dataset:
    """The data set that `read` would give, without files."""
    photos = [
        dataset.Photo(
            row["path"],
            dataset.ClassKey(row["country"], row["currency"], row["denomination"], row["side"]),
            line,
            row.get("source_photo") or row["path"],
            row.get("role", ""),
        )
        for line, row in enumerate(rows, 2)
    ]
    return dataset.Dataset(Path("."), tuple(photos))


def _sets(parts: dataset.Split) -> dict[str, str]:
    return {p.path: name for name in ("train", "val", "test") for p in getattr(parts, name)}


@pytest.mark.parametrize("seed", range(8))
def test_sets_share_no_source_photo_and_test_no_class(seed: int) -> None:
    data = _dataset(_many())
    parts = dataset.split(data, seed)
    sets = (parts.train, parts.val, parts.test)
    assert sorted(photo.line for part in sets for photo in part) == [photo.line for photo in data.photos]
    for one, other in combinations(sets, 2):
        assert not {photo.source for photo in one} & {photo.source for photo in other}
    assert not {photo.key for photo in parts.test} & {photo.key for photo in (*parts.train, *parts.val)}
    assert {photo.key for photo in parts.val} <= {photo.key for photo in parts.train}


def test_shares_are_met_on_average_and_seeds_differ() -> None:
    data = _dataset(_many(tied=False))
    splits = [dataset.split(data, seed, test=0.3, val=0.2) for seed in range(40)]
    assert np.mean([len({photo.key for photo in parts.test}) / 40 for parts in splits]) == pytest.approx(0.3, abs=0.04)
    # 4 of 5 photos are no catalog pictures and can be drawn.
    share = np.mean([len(parts.val) / (len(parts.val) + len(parts.train)) for parts in splits])
    assert share == pytest.approx(0.2 * 4 / 5, abs=0.03)
    assert len({tuple(_sets(parts).items()) for parts in splits}) == len(splits)


def test_order_of_rows_does_not_matter() -> None:
    rows = _many()
    for row in rows:
        row["role"] = "catalog" if row["path"].endswith("_0.png") else ""
    shuffled = [rows[n] for n in np.random.default_rng(0).permutation(len(rows))]
    assert _sets(dataset.split(_dataset(rows))) == _sets(dataset.split(_dataset(shuffled)))


def test_added_rows_move_no_others() -> None:
    rows = _many()
    before = _sets(dataset.split(_dataset(rows)))
    views = [_coin(number, 9) for number in range(1, 41)]
    classes = [_coin(number, view) for number in range(100, 130) for view in range(3)]
    after = _sets(dataset.split(_dataset([*rows, *views, *classes])))
    assert {path: after[path] for path in before} == before
    for number in range(1, 41):  # a class held out stays so with its new photos
        assert (after[f"{number}_9.png"] == "test") == (before[f"{number}_0.png"] == "test")


def test_rows_that_tie_classes_move_only_these() -> None:
    rows = _many(tied=False)
    before = _sets(dataset.split(_dataset(rows)))
    tie = [_coin(number, 9, source_photo="tray") for number in (1, 2, 3)]
    after = _sets(dataset.split(_dataset([*rows, *tie])))
    assert len({after[f"{number}_9.png"] == "test" for number in (1, 2, 3)}) == 1
    assert [path for path in before if after[path] != before[path] and path.split("_")[0] not in "123"] == []


def test_ties_reach_through_a_chain_of_classes() -> None:
    rows = [*_coins(5), *(_coin(n, 7, source_photo="tray 1") for n in (1, 2))]
    rows += [_coin(n, 8, source_photo="tray 2") for n in (4, 2)]
    groups = {frozenset(key.denomination for key in group) for group in tied_classes(_dataset(rows))}
    assert groups == {frozenset("124"), frozenset("3"), frozenset("5")}


def test_coin_that_the_catalog_lacks_is_held_out_as_unknown() -> None:
    rows = [*_coins(20, views=3), *(_coin(99, view, role="query") for view in (0, 1))]
    for seed in range(5):
        table = list(manifest(dataset.split(_dataset(rows), seed)))
        assert [(role, name) for path, _, role, name in table if path.startswith("99_")] == [("unknown", "test")] * 2


@pytest.mark.parametrize("seed", range(4))
def test_manifest_asks_only_for_what_it_holds(seed: int) -> None:
    parts = dataset.split(_dataset(_many()), seed)
    trained = {photo.path for photo in parts.train}
    source = {photo.path: photo.source for photo in parts.dataset.photos}
    for name in ("val", "test"):
        table = [row for row in manifest(parts) if row[3] == name]
        held = [(label, source[path]) for path, label, role, _ in table if role == "catalog"]
        asked = [(path, label) for path, label, role, _ in table if role == "query"]
        assert asked
        assert {label for _, label in asked} <= {label for label, _ in held}
        assert not {(label, source[path]) for path, label in asked} & set(held)
        assert not {path for path, _ in asked} & trained


def test_query_cut_from_its_catalog_picture_is_not_asked() -> None:
    rows = [_coin(n, view, source_photo=f"tray {n}" if view < 2 else "") for n in range(1, 21) for view in range(3)]
    parts = dataset.split(_dataset(rows))
    asked = {path for path, _, role, name in manifest(parts) if (role, name) == ("query", "test")}
    assert asked == {photo.path for photo in parts.test if photo.path.endswith("_2.png")}


@pytest.mark.parametrize(("test", "val"), [(1.0, 0.1), (-0.1, 0.1), (0.2, 1.0), (float("nan"), 0.1)])
def test_share_out_of_range(test: float, val: float) -> None:
    with pytest.raises(dataset.SplitError, match="from 0 to below 1"):
        dataset.split(_dataset(_many()), 0, test, val)


def test_split_with_an_empty_side_is_refused() -> None:
    one = _dataset([_coin(n, view, source_photo="tray") for n in (1, 2) for view in (0, 1)])
    with pytest.raises(dataset.SplitError, match="of 2 classes are held out"):
        dataset.split(one)
    assert len(dataset.split(one, test=0, val=0).train) == 4


# --- contact sheets -------------------------------------------------------------------------------------------------


def test_sheets_are_paged_and_draw_the_outline(tmp_path: Path) -> None:
    rows = [_coin(1, 0, **RIM), _coin(1, 1, mask="mask.png"), *(_coin(1, view) for view in range(2, 6)), *_coins(6)[2:]]
    _folder(tmp_path, rows)
    _mask(tmp_path / "mask.png")
    out = tmp_path / "sheets"
    paths = write_sheets(dataset.read(tmp_path), out, columns=4, rows=3)
    assert [path.name for path in paths] == ["contact_sheet_001.jpg", "contact_sheet_002.jpg", "contact_sheet_003.jpg"]
    first, last = cv2.imread(str(paths[0])), cv2.imread(str(paths[2]))
    assert first.shape[1] > 4 * CELL and first.shape[0] > 3 * CELL > last.shape[0]
    blue, green, red = np.moveaxis(first.astype(int), 2, 0)
    magenta = np.minimum(blue, red) - green > 80
    drawn = [bool(magenta[: CELL + 26, column * (CELL + 6) : (column + 1) * (CELL + 6)].any()) for column in range(4)]
    assert drawn == [True, True, False, False]


def test_fewer_pages_leave_no_old_ones(tmp_path: Path) -> None:
    _folder(tmp_path, _coins(4))
    data = dataset.read(tmp_path)
    assert len(write_sheets(data, tmp_path, rows=1)) == 4
    assert write_sheets(data, tmp_path, rows=2) == sorted(tmp_path.glob("contact_sheet_*.jpg"))


def test_unreadable_photo_is_crossed_out(tmp_path: Path) -> None:
    _folder(tmp_path, _coins(1))
    (tmp_path / "1_1.png").write_bytes(b"no photo")
    (sheet,) = write_sheets(dataset.read(tmp_path), tmp_path, columns=2)
    picture = cv2.imread(str(sheet)).astype(int)
    red = (picture[..., 2] - picture[..., 1]) > 120
    assert red[:, CELL + 9 :].sum() > 200 and red[:, :CELL].sum() == 0


# --- the command line -----------------------------------------------------------------------------------------------


def test_check_command_names_problems_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _folder(tmp_path, [*_coins(2), _coin(3)])
    assert main(["check", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("0 errors, 1 warnings in 5 photos, 3 classes\n")
    (tmp_path / "1_1.png").unlink()
    assert main(["check", str(tmp_path)]) == 1
    assert "labels.csv:3: error: path '1_1.png' is no file" in capsys.readouterr().out


def test_commands_report_a_folder_without_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "sheet", "split"):
        assert main([command, str(tmp_path)]) == 1
        output = capsys.readouterr()
        assert "labels.csv" in output.out + output.err


def test_sheet_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _folder(tmp_path, _coins(3))
    assert main(["sheet", str(tmp_path), "--out", str(tmp_path / "sheets"), "--rows", "2"]) == 0
    written = [Path(line) for line in capsys.readouterr().out.split()]
    assert len(written) == 2 and all(path.is_file() for path in written)
    with pytest.raises(SystemExit):
        main(["sheet", str(tmp_path), "--columns", "0"])


def test_split_command_writes_a_manifest_for_evaluate(tmp_path: Path) -> None:
    _folder(tmp_path, _coins(12, views=3))
    arguments = ["split", str(tmp_path), "--seed", "1", "--test", "0.4", "--val", "0.3"]
    assert main(arguments) == 0
    parts = dataset.split(dataset.read(tmp_path), 1, 0.4, 0.3)
    with (tmp_path / "split.csv").open(newline="", encoding="utf-8") as file:
        assert {row["path"]: row["set"] for row in csv.DictReader(file)} == _sets(parts)
    everything = read_manifest(str(tmp_path / "manifest.csv"))
    assert [(row.path, row.label, row.role) for row in everything] == [row[:3] for row in manifest(parts)]
    held_out = read_manifest(str(tmp_path / "manifest.csv"), ["test"])
    assert {row.path for row in held_out} == {photo.path for photo in parts.test}
    assert all((tmp_path / row.path).is_file() for row in everything)
    written = (tmp_path / "manifest.csv").read_bytes()
    assert main(arguments) == 0
    assert (tmp_path / "manifest.csv").read_bytes() == written


def test_split_command_refuses_errors_that_only_the_files_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _folder(tmp_path, _coins(12))
    (tmp_path / "3_1.png").write_bytes((tmp_path / "5_0.png").read_bytes())
    assert main(["split", str(tmp_path)]) == 1
    assert "is the same file as" in capsys.readouterr().err
    assert not (tmp_path / "manifest.csv").exists()


def test_split_command_keeps_foreign_manifests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _folder(tmp_path, _coins(12))
    (tmp_path / "manifest.csv").write_text("path,label,role\n")
    assert main(["split", str(tmp_path)]) == 1
    assert "another origin" in capsys.readouterr().err
    assert not (tmp_path / "split.csv").exists()
    assert main(["split", str(tmp_path), "--out", str(tmp_path / "new")]) == 0
    assert (tmp_path / "manifest.csv").read_text() == "path,label,role\n"


def test_needs_no_torch() -> None:
    code = "import sys, training.dataset.__main__; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_page_of_the_format_names_every_column_and_command() -> None:
    page = (ROOT / "docs" / "dataset.md").read_text()
    assert "(catalog.md#fields)" in page, "the page that names the fields of an entry"
    fields = (ROOT / "docs" / "catalog.md").read_text()
    for column in (*dataset.table.REQUIRED, *dataset.table.OPTIONAL):
        assert f"`{column}`" in page or (column in dataset.table.FACTS and f"| `{column}` |" in fields)
    for command in ("check", "sheet", "split"):
        assert f"python -m training.dataset {command} " in page


def test_example_of_the_page_is_a_good_table(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "dataset.md").read_text()
    table = next(block for block in page.split("```\n") if block.startswith("path,"))
    (tmp_path / "labels.csv").write_text(table, encoding="utf-8")
    for line in table.splitlines()[1:]:
        (tmp_path / line.split(",")[0]).touch()
    assert len(dataset.read(tmp_path).classes) == 3
