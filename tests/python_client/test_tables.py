"""Tables as people have them: separators, encodings, headers, numbers, spreadsheets, and rows that are wrong."""

import codecs
import datetime
import importlib
from pathlib import Path
from typing import Any

import pytest

from mintmark import InvalidRequest, MintmarkError
from mintmark._tables import Table, decimal, denomination, open_table, optional_value, read_rows
from mintmark._tables.sheet import SUFFIXES

NAMES = ("path", "name", "mint_mark", "year")
ROWS = "path{s}name{s}denomination\na.jpg{s}Münze{s}2\nb.jpg{s}1 złoty{s}1\n"
CELLS = [
    {"path": "a.jpg", "name": "Münze", "denomination": "2"},
    {"path": "b.jpg", "name": "1 złoty", "denomination": "1"},
]


def table_of(folder: Path, content: bytes | str, name: str = "labels.csv") -> Table:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_table(str(path), NAMES)


def cells_of(folder: Path, content: bytes | str) -> list[dict[str, str]]:
    return [row.cells for row in table_of(folder, content).rows()]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_ends_of_lines(tmp_path: Path, separator: str, end: str) -> None:
    assert cells_of(tmp_path, ROWS.format(s=separator).replace("\n", end)) == CELLS


@pytest.mark.parametrize("separator", [";", "|", ","])
@pytest.mark.parametrize("line", ["sep={}\r\n", '"sep={}"\n', "SEP={}\n"])
def test_a_first_line_that_names_the_separator(tmp_path: Path, separator: str, line: str) -> None:
    table = table_of(tmp_path, line.format(separator) + ROWS.format(s=separator))
    assert [(row.line, row.cells) for row in table.rows()] == list(zip((3, 4), CELLS, strict=True))
    assert table.separator == separator


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    table = table_of(tmp_path, ROWS.format(s=";").encode(encoding))
    assert [row.cells for row in table.rows()] == CELLS and not table.notes


def test_utf_16_of_the_other_order(tmp_path: Path) -> None:
    assert cells_of(tmp_path, codecs.BOM_UTF16_BE + ROWS.format(s=",").encode("utf-16-be")) == CELLS


def test_windows_1252_is_read_with_a_word_about_it(tmp_path: Path) -> None:
    table = table_of(tmp_path, "path;name\na.jpg;2 € Österreich\n".encode("cp1252"))
    assert [row.cells["name"] for row in table.rows()] == ["2 € Österreich"]
    assert len(table.notes) == 1 and "read as Windows-1252; if letters look wrong, save it as UTF-8" in table.notes[0]


@pytest.mark.parametrize("content", [b"path,name\n\x81\x8d,x\n", b"\xff\xfe\x00\xd8\x00", b"\x89PNG\r\n\0\0"])
def test_what_is_no_text(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidRequest, match="is not a CSV file in UTF-8, UTF-16 or Windows-1252"):
        list(table_of(tmp_path, content).rows())


@pytest.mark.parametrize("header", ["Mint mark", " mint_mark ", "MINT-MARK", "Mint  Mark", "mint\u00a0mark"])
def test_headers_as_people_write_them(tmp_path: Path, header: str) -> None:
    (cells,) = cells_of(tmp_path, f"Path , NAME,{header}, Edge lettering \na.jpg,x,D,none\n")
    assert cells == {"path": "a.jpg", "name": "x", "mint_mark": "D", "Edge lettering": "none"}


def test_empty_rows_and_columns_are_nothing(tmp_path: Path) -> None:
    content = "\n;;;\npath;;name;;\n\na.jpg;;x;;\n ; ;;;\nb.jpg;;y;;;;;\n"
    assert cells_of(tmp_path, content) == [{"path": "a.jpg", "name": "x"}, {"path": "b.jpg", "name": "y"}]


def test_a_row_with_too_many_cells_is_wrong_alone(tmp_path: Path) -> None:
    """An unquoted 2,5 moves all cells after it, and must not become a denomination of 2."""
    rows = list(table_of(tmp_path, "path,denomination,side\na.jpg,2,5,obverse\nb.jpg,2,obverse\nc.jpg,1\n").rows())
    assert [row.error for row in rows] == ["4 cells, but 3 columns: quote a cell that has a separator in it", "", ""]
    assert rows[0].raw == ("a.jpg", "2", "5", "obverse")
    assert rows[2].cells == {"path": "c.jpg", "denomination": "1", "side": ""}


def test_a_value_under_no_name_is_wrong(tmp_path: Path) -> None:
    rows = list(table_of(tmp_path, "path,,name\na.jpg,,x\nb.jpg,1990,x\n").rows())
    assert [row.error for row in rows] == ["", "a value in column 2, which has no name: '1990'"]


def test_a_line_that_is_no_row_is_wrong_alone(tmp_path: Path) -> None:
    content = 'path,name\na.jpg,"1" złoty\nb.jpg,"the ""big"" one"\nc.jpg,"two\nlines"\nd.jpg,x\n'
    rows = list(table_of(tmp_path, content).rows())
    assert [(row.line, bool(row.error)) for row in rows] == [(2, True), (3, False), (5, False), (6, False)]
    assert rows[0].raw == ("a.jpg", '"1" złoty')
    assert [row.cells["name"] for row in rows[1:]] == ['the "big" one', "two\nlines", "x"]


def test_a_quotation_mark_that_is_never_closed_is_named(tmp_path: Path) -> None:
    content = 'path,name\na.jpg,x\nb.jpg,"y\nc.jpg,z\n'
    with pytest.raises(InvalidRequest, match=r"labels.csv:3: a quotation mark opens a cell that never ends"):
        list(table_of(tmp_path, content).rows())


@pytest.mark.parametrize("content", ["", "\n\n", ";;\n", "sep=;\n", "sep=;"])
def test_a_table_without_a_header(tmp_path: Path, content: str) -> None:
    with pytest.raises(InvalidRequest, match="is empty: its first line must name the columns"):
        table_of(tmp_path, content)


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="two columns called year"):
        table_of(tmp_path, "path,Year, year\n")


def test_rows_of_which_none_may_be_wrong(tmp_path: Path) -> None:
    table_of(tmp_path, "path;Role\na.jpg;query\nb.jpg;x;y\n")
    path = str(tmp_path / "labels.csv")
    with pytest.raises(InvalidRequest, match=r"labels.csv:3: 3 cells, but 2 columns"):
        list(read_rows(path, ("path", "role")))
    with pytest.raises(InvalidRequest, match="lacks the column label; it has path, role"):
        list(read_rows(path, ("path", "role", "label")))
    with pytest.raises(InvalidRequest, match="cannot open"):
        list(read_rows(str(tmp_path / "gone.csv"), ("path",)))


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "year"), [("1990", 1990), ("1990.0", 1990), ("1990,0", 1990), ("-20.00", -20), ("", None)]
)
def test_years(text: str, year: int | None) -> None:
    assert optional_value("year", text) == year


@pytest.mark.parametrize("text", ["1990.5", "c. 1990", "1990-1995", "٣.0.0", "1e3", "9" * 30 + ".0"])
def test_what_is_no_year(text: str) -> None:
    with pytest.raises(InvalidRequest, match="the year is"):
        optional_value("year", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("2,5", "2.5"), ("0,05", "0.05"), ("2.0", "2"), ("2,0", "2"), ("2.50", "2.50"), ("1,000", "1,000")),
        *(("1.000", "1.000"), ("½", "½"), ("1,2,3", "1,2,3"), ("10 000", "10 000"), ("1/4", "1/4")),
    ],
)
def test_denominations(text: str, expected: str) -> None:
    assert denomination(text) == expected


def test_decimals() -> None:
    assert [decimal(text) for text in ("1.5", "1,5", "-3", "1e3")] == [1.5, 1.5, -3.0, 1000.0]
    for wrong in ("1,5.0", "1,2,3", "x", ""):
        with pytest.raises(ValueError):
            decimal(wrong)


# --- spreadsheets -----------------------------------------------------------------------------------------------------


@pytest.fixture
def book() -> Any:
    """A workbook, to be written by another library than the one that reads it."""
    return pytest.importorskip("openpyxl").Workbook()


def test_a_spreadsheet(tmp_path: Path, book: Any) -> None:
    pytest.importorskip("python_calamine")
    for row in (
        [None, None, None, None],
        ["Path", "Mint mark", None, "year", "value", "found", "proof"],
        ["a.jpg", "D", None, 1990.0, 2.5, datetime.date(2020, 5, 17), True],
        [None],
        ["Ä.jpg", None, None, "1991", 1, datetime.datetime(2020, 5, 17, 8, 30), None],
        ["b.jpg", "D", "stray", 1990, 1, None, None],
    ):
        book.active.append(row)
    book.save(tmp_path / "labels.xlsx")
    table = open_table(str(tmp_path / "labels.xlsx"), NAMES)
    rows = list(table.rows())
    assert [row.line for row in rows] == [3, 5, 6] and not table.notes
    assert rows[0].cells == {
        **{"path": "a.jpg", "mint_mark": "D", "year": "1990", "value": "2.5", "found": "2020-05-17", "proof": "true"}
    }
    assert rows[1].cells["path"] == "Ä.jpg" and rows[1].cells["found"] == "2020-05-17T08:30:00"
    assert "column 3, which has no name: 'stray'" in rows[2].error


def test_only_the_first_sheet_is_read(tmp_path: Path, book: Any) -> None:
    pytest.importorskip("python_calamine")
    book.active.append(["path", "name"])
    book.create_sheet("others").append(["x"])
    book.save(tmp_path / "labels.xlsx")
    (note,) = open_table(str(tmp_path / "labels.xlsx"), NAMES).notes
    assert "only the first sheet" in note


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04junk", b"\xd0\xcf\x11\xe0junk"])
def test_a_damaged_spreadsheet(tmp_path: Path, suffix: str, content: bytes) -> None:
    pytest.importorskip("python_calamine")
    (tmp_path / f"labels{suffix}").write_bytes(content)
    with pytest.raises(InvalidRequest, match="is not a spreadsheet that can be read"):
        open_table(str(tmp_path / f"labels{suffix}"))


def test_a_spreadsheet_that_unfolds_to_more_than_there_is(tmp_path: Path, book: Any) -> None:
    """The rectangle between two cells that are far apart has billions."""
    book.active["A1"], book.active["XFD1048576"] = "path", "x"
    book.save(tmp_path / "labels.xlsx")
    with pytest.raises(InvalidRequest, match=r"labels\.xlsx takes more than 1024 MB of memory or 20 s to read"):
        open_table(str(tmp_path / "labels.xlsx"))


def test_without_the_library_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labels.xlsx").write_bytes(b"PK\x03\x04")

    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MintmarkError, match=r"spreadsheets need python-calamine: pip install python-calamine"):
        open_table(str(tmp_path / "labels.xlsx"))
