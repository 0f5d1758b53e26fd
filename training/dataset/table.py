"""Reads labels.csv: rows become photos of classes. No photo is opened here."""

import csv
import difflib
import math
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ensemble import entry
from training.mint import Ellipse

TABLE = "labels.csv"
SIDES = ("obverse", "reverse")
CATALOG, QUERY = "catalog", "query"
ELLIPSE = ("cx", "cy", "a", "b", "angle")
CLASS = tuple(name for name, one in entry.FIELDS.items() if one.required and name != "name")  # what makes a class
FACTS = entry.OPTIONAL  # what else is said of a coin
REQUIRED = ("path", *CLASS)
OPTIONAL = ("issue", *FACTS, "source_photo", "role", "mask", *ELLIPSE)

_SHOWN = 10  # problems in the message of an error


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong with one cell of labels.csv, and what to do.

    `line` counts from 1, the header's, and is where the row ends. `warning`: the data set works without the fix.
    """

    line: int
    column: str
    value: str
    reason: str
    fix: str
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning" if self.warning else "error"
        return f"{TABLE}:{self.line}: {kind}: {self.column} {self.value!r} {self.reason}: {self.fix}"


class DatasetError(ValueError):
    """The table cannot be used; `problems` names every bad row."""

    def __init__(self, folder: Path, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        more = len(self.problems) - _SHOWN
        lines = [f"{folder}: {len(self.problems)} to mend", *map(str, self.problems[:_SHOWN])]
        super().__init__("\n".join(lines + ([f"and {more} more"] if more > 0 else [])))


@dataclass(frozen=True, order=True)
class ClassKey:
    """One class: one side of one coin type."""

    country: str
    currency: str
    denomination: str
    side: str
    issue: str = ""

    @property
    def label(self) -> str:
        """The class as one text, for manifests and people."""
        parts = (self.country, self.currency, self.denomination, self.side, self.issue)
        return " | ".join(part for part in parts if part)


@dataclass(frozen=True)
class Photo:
    """One row.

    `source` names the photo that it was cut from, or itself; `role` may be empty; `facts` holds what the columns FACTS
    say of the coin, None where a cell is empty.
    """

    path: str
    key: ClassKey
    line: int
    source: str
    role: str = ""
    facts: Mapping[str, str | int | None] = field(default_factory=dict)
    mask: str | None = None
    ellipse: Ellipse | None = None

    @property
    def outlined(self) -> bool:
        """Whether the table says where in the photo the coin is."""
        return self.mask is not None or self.ellipse is not None


@dataclass(frozen=True)
class Dataset:
    """The photos of a folder, in the order of its table."""

    folder: Path
    photos: tuple[Photo, ...]

    @cached_property
    def classes(self) -> dict[ClassKey, tuple[Photo, ...]]:
        """The photos of each class, classes sorted by key."""
        groups: dict[ClassKey, list[Photo]] = {}
        for photo in self.photos:
            groups.setdefault(photo.key, []).append(photo)
        return {key: tuple(groups[key]) for key in sorted(groups)}

    @cached_property
    def catalog(self) -> dict[ClassKey, tuple[Photo, ...]]:
        """The catalog pictures of each class: those that say so, or the first that is no query."""
        pictures = {}
        for key, photos in self.classes.items():
            named = tuple(photo for photo in photos if photo.role == CATALOG)
            pictures[key] = named or tuple(photo for photo in photos if photo.role != QUERY)[:1]
        return pictures


def read(folder: Path) -> Dataset:
    """The data set in a folder. Its photos exist; `check` says whether they can be read.

    Raises:
        DatasetError: the table is missing or has errors.
    """
    photos, problems = load(folder)
    errors = [problem for problem in problems if not problem.warning]
    if errors:
        raise DatasetError(folder, errors)
    return Dataset(folder, tuple(photos))


def load(folder: Path) -> tuple[list[Photo], list[Problem]]:
    """The good rows, and the problems of the header and of the others.

    Raises:
        DatasetError: the table is no CSV file at all.
    """
    (line, header), *records = _records(folder) or [(1, [])]
    problems = _check_header(line, header)
    if any(not problem.warning for problem in problems):
        return [], problems
    if not records:
        return [], [*problems, Problem(line, "path", "", "has no rows below the header", "add one row for each photo")]
    photos: list[Photo] = []
    lines: dict[str, int] = {}
    for line, cells in records:
        row = _Row(folder, line, header, cells)
        photo = row.photo()
        if row.path and (first := lines.setdefault(os.path.normpath(row.path), line)) != line:
            row.refuse("path", f"is on line {first} already", "keep one row for each photo")
        problems += row.problems
        if photo and not row.problems:
            photos.append(photo)
    return photos, problems


def _records(folder: Path) -> list[tuple[int, list[str]]]:
    """The table's rows with the lines they end on, header first, cells stripped, blank rows left out."""
    try:
        with (folder / TABLE).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            records = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except OSError as error:
        reason, fix = f"cannot be opened: {error.strerror}", "write the table into the folder of the photos"
    except (csv.Error, UnicodeDecodeError) as error:
        reason, fix = f"is no CSV file in UTF-8: {error}", "save it as 'CSV UTF-8', separated by commas"
    else:
        return [(line, cells) for line, cells in records if any(cells)]
    raise DatasetError(folder, [Problem(1, "file", TABLE, reason, fix)])


def _check_header(line: int, header: list[str]) -> list[Problem]:
    if len(header) == 1 and re.search(r"[;\t]", header[0]):
        return [Problem(line, "header", header[0], "is one column", "save the table as CSV separated by commas")]
    problems = []
    for column in REQUIRED:
        if column not in header:
            alike = [given for given in header if given.lower() == column]
            fix = f"call the column {alike[0]} so" if alike else f"add it; needed are {', '.join(REQUIRED)}"
            problems.append(Problem(line, column, "", "is no column of the table", fix))
    for column in dict.fromkeys(header):
        if column and header.count(column) > 1:
            problems.append(Problem(line, column, column, "is a column twice", "keep one"))
        near = difflib.get_close_matches(column.lower(), [name for name in OPTIONAL if len(name) > 2], 1, 0.75)
        if near and column not in OPTIONAL and near[0] not in header:
            problems.append(Problem(line, column, column, "is not read", f"call the column {near[0]}", warning=True))
    return problems


class _Row:
    """Checks one row and collects its `problems`."""

    def __init__(self, folder: Path, line: int, header: list[str], cells: list[str]) -> None:
        self.folder, self.line, self.problems = folder, line, list[Problem]()
        self.cells = dict(zip(header, cells, strict=False))  # missing cells are empty
        self.path = self.get("path")
        if extra := [cell for cell in cells[len(header) :] if cell]:
            reason = f"has no column: {len(cells)} cells, {len(header)} columns"
            self.problems.append(Problem(line, "row", extra[0], reason, 'put cells that hold a comma in "quotes"'))

    def get(self, column: str) -> str:
        return self.cells.get(column, "")

    def refuse(self, column: str, reason: str, fix: str) -> None:
        self.problems.append(Problem(self.line, column, self.get(column), reason, fix))

    def photo(self) -> Photo | None:
        """The row as a photo; None, or not to be used, if there are problems."""
        self._check_file("path")
        if self.get("mask"):
            self._check_file("mask")
        key, role, ellipse = self._key(), self._role(), self._ellipse()
        facts = {name: self._fact(name) for name in FACTS}
        if self.problems:
            return None
        source = os.path.normpath(self.get("source_photo") or self.path)
        return Photo(self.path, key, self.line, source, role, facts, self.get("mask") or None, ellipse)

    def _check_file(self, column: str) -> None:
        value = self.get(column)
        if not value:
            return self.refuse(column, "is empty", "name the file")
        try:
            inside = (self.folder / value).resolve().is_relative_to(self.folder.resolve())
            there = inside and (self.folder / value).is_file()
        except (OSError, ValueError, RuntimeError) as error:  # names too long, null characters, circles of links
            return self.refuse(column, f"is no usable path ({error})", "rename the file")
        if not inside:
            self.refuse(column, "leads out of the folder", "move the file into the folder; paths start there")
        elif not there:
            hint = (
                "write / between folders" if "\\" in value else "mend the path, capital letters count; or drop the row"
            )
            self.refuse(column, "is no file in the folder", hint)

    def _key(self) -> ClassKey:
        parts = {column: _tidy(self.get(column)) for column in (*CLASS, "issue")}
        parts["side"] = parts["side"].lower()
        for column, part in parts.items():
            if not part and column in REQUIRED:
                self.refuse(column, "is empty", "say which coin this is")
            elif "|" in part:
                self.refuse(column, "holds a |, which parts the words of a label", "write it otherwise")
        if parts["side"] and parts["side"] not in SIDES:
            self.refuse("side", "is no side of a coin", f"write {' or '.join(SIDES)}")
        return ClassKey(**parts)

    def _role(self) -> str:
        role = self.get("role").lower()
        if role not in ("", CATALOG, QUERY):
            self.refuse("role", "is no role", f"write {CATALOG} or {QUERY}, or leave the cell empty")
        return role

    def _fact(self, name: str) -> str | int | None:
        value = self.get(name)
        if entry.FIELDS[name].type is not int:
            return value or None
        if re.fullmatch(r"-?[0-9]{1,5}", value):
            return int(value)
        if value:
            self.refuse(name, "is no whole number", f"write the {name} in digits, or leave the cell empty")
        return None

    def _ellipse(self) -> Ellipse | None:
        given = [column for column in ELLIPSE if self.get(column)]
        if not given:
            return None
        for column in ELLIPSE:
            if column not in given:
                self.refuse(column, f"is empty, but {', '.join(given)} are not", f"give all of {', '.join(ELLIPSE)}")
            elif _number(self.get(column)) is None:
                self.refuse(column, "is no number", "write digits with a point, such as 412.5")
        numbers = [number for column in ELLIPSE if (number := _number(self.get(column))) is not None]
        if len(numbers) < len(ELLIPSE):
            return None
        ellipse = Ellipse(*numbers)
        if ellipse.b <= 0:
            self.refuse("b", "is no semi-axis", "give half the coin's shorter diameter, in pixels")
        elif ellipse.b > ellipse.a:
            self.refuse("b", f"is longer than a = {ellipse.a:g}", "swap a and b, and add 90 to the angle")
        return ellipse


def _tidy(text: str) -> str:
    """One spelling of accents and spaces: the same word typed on two systems is one class."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
