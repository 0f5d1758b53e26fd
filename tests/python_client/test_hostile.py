"""What a hostile or careless hand gives the client: a clear error, no traceback, no hang, and little memory."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mintmark import Client, InvalidPhoto, InvalidRequest, RefusedView, TritonTransport, ViewRecord
from mintmark._requests import IMPORT_BYTES, import_batches
from tests.python_client.fake_coin_server import FakeCoinServer
from tests.python_client.samples import Capture, Run, make_entry

pyarrow: Any = importlib.import_module("pyarrow")
pyarrow.parquet = importlib.import_module("pyarrow.parquet")
ROOT = Path(__file__).resolve().parents[2]
MEMORY = 400_000_000  # bytes that opening an export may take besides the process itself
OPEN = """
import resource, sys
from pathlib import Path
from mintmark import InvalidRequest
from mintmark._archive import open_archive
import pyarrow.parquet, pyarrow.compute
pyarrow.set_cpu_count(1)
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    print(sum(1 for _ in open_archive(Path(sys.argv[1])).records()), "views")
except InvalidRequest as error:
    print("refused:", error)
"""


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe.jpg")
    return tmp_path / "pipe.jpg"


def test_a_fifo_is_no_photo(client: Client, fifo: Path) -> None:
    for photo in (fifo, fifo.parent, "/dev/zero", "a\0b"):
        with pytest.raises(InvalidPhoto, match="cannot open photo"):
            client.recognize(photo)


def test_a_fifo_is_no_table(run: Run, fifo: Path, capsys: Capture) -> None:
    for words in (["enroll", "--from", fifo], ["evaluate", fifo], ["import", fifo.parent]):
        assert run(*words) == 1
        assert capsys.readouterr().err.startswith("mintmark: ")


@pytest.mark.parametrize("year", ["9" * 5_000, "1" + "0" * 30, "1e3", "x"])
def test_a_year_of_many_digits(run: Run, capsys: Capture, tmp_path: Path, year: str) -> None:
    for words in (["recognize", "x.jpg", "--year", year], ["update", "x", "--year", year]):
        with pytest.raises(SystemExit):
            run(*words)
        assert len(capsys.readouterr().err.splitlines()[-1]) < 300
    table = tmp_path / "labels.csv"
    table.write_text(f"path,name,country,currency,denomination,side,year\nx.jpg,n,c,u,1,obverse,{year}\n")
    assert run("enroll", "--from", table) == 1
    assert "whole number" in capsys.readouterr().err


def test_a_filter_of_many_digits(client: Client) -> None:
    for year in ("9" * 5_000, 10**5_000):
        with pytest.raises(InvalidRequest, match="the filter year"):
            client.recognize(b"photo", filters={"year": year})


@pytest.mark.parametrize("url", ["localhost:99999", "localhost:0", "localhost:" + "9" * 5_000])
def test_a_port_that_is_none(url: str) -> None:
    with pytest.raises(InvalidRequest, match="ports are 1 to 65535"):
        TritonTransport(url)


def test_a_port_of_the_server() -> None:
    command = [sys.executable, "-m", "server", "--grpc-port", "99999"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "must be a port from 1 to 65535" in done.stderr


@pytest.fixture
def exported(server: FakeCoinServer, client: Client, run: Run, tmp_path: Path) -> Path:
    for number in range(3):
        server.add(f"coin {number}", (1, number))
    assert run("export", tmp_path / "a.parquet") == 0
    return tmp_path / "a.parquet"


def altered(source: Path, **columns: Any) -> Path:
    """An export with other columns; None drops one."""
    table = pyarrow.parquet.read_table(source)
    for name, column in columns.items():
        table = table.drop([name])
        if column is not None:
            table = table.append_column(name, column)
    target = source.with_name("altered.parquet")
    with pyarrow.parquet.ParquetWriter(target, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({b"mintmark": pyarrow.parquet.read_metadata(source).metadata[b"mintmark"]})
    return target


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"entry": pyarrow.array([1, 2, 3])}, "entry is int64, not string"),
        ({"name": pyarrow.array([["x"], [], []])}, "name is list"),
        ({"year": pyarrow.array(["x", "y", "z"])}, "year is string, not int32"),
        ({"picture": pyarrow.array(["x", "y", "z"])}, "picture is string, not binary"),
        ({"embedding": pyarrow.array([1.0, 2.0, 3.0])}, "embedding is double, not list"),
        ({"metadata": pyarrow.array([{"a": 1}] * 3)}, "metadata is struct"),
        ({"side": None}, "it lacks the column side"),
    ],
)
def test_columns_of_other_types(exported: Path, run: Run, capsys: Capture, columns: Any, message: str) -> None:
    assert run("import", altered(exported, **columns)) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "columns",
    [
        {"picture": pyarrow.array([bytes(400_000_000), b"", b""], pyarrow.binary())},
        {"metadata": pyarrow.array(["x" * 100_000_000, "{}", "{}"])},
        {"name": pyarrow.array(["x" * 50_000_000] * 3)},
        {"embedding": pyarrow.array([np.zeros(20_000_000, np.float32), None, None], pyarrow.list_(pyarrow.float32()))},
    ],
    ids=["picture", "metadata", "name", "embedding"],
)
def test_a_small_file_takes_little_memory(exported: Path, columns: Any) -> None:
    source = altered(exported, **columns)
    assert source.stat().st_size < 120_000
    command = [sys.executable, "-c", OPEN, str(source), str(MEMORY)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:8]) == (0, "refused:"), done.stderr
    command = [sys.executable, "-c", OPEN, str(exported), str(MEMORY)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "3 views\n"


def test_many_equal_values_take_little_memory(exported: Path) -> None:
    """A dictionary of one value of 10 MB, a thousand times."""
    table = pyarrow.concat_tables([pyarrow.parquet.read_table(exported)] * 333)
    long = pyarrow.array(["x" * 10_000_000])
    name = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(999, np.int32)), long)
    table = table.set_column(table.schema.get_field_index("name"), "name", name)
    target = exported.with_name("equal.parquet")
    with pyarrow.parquet.ParquetWriter(target, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({b"mintmark": pyarrow.parquet.read_metadata(exported).metadata[b"mintmark"]})
    command = [sys.executable, "-c", OPEN, str(target), str(MEMORY)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:8]) == (0, "refused:"), done.stderr


def test_what_json_cannot_hold_stops_no_import(client: Client, server: FakeCoinServer) -> None:
    records = [ViewRecord(make_entry(name), "a", b"x") for name in ("one", "two", "three")]
    records[1].entry.metadata["bad"] = float("inf")  # type: ignore[index]
    refused: list[RefusedView] = []
    assert client.import_views(records, on_refused=refused.append) == 2
    assert [(view.entry, view.side) for view in refused] == [(records[1].entry.id, "a")]
    assert "JSON cannot hold this" in refused[0].error
    with pytest.raises(InvalidRequest, match="1 views could not be imported, the others were; the first, entry"):
        client.import_views(records)


def test_an_import_is_cut_by_bytes() -> None:
    records = [ViewRecord(make_entry(str(number)), "a", bytes(900_000)) for number in range(20)]
    refused: list[RefusedView] = []
    batches = list(import_batches(records, refused.append))
    assert [len(batch["views"]) for batch in batches] == [6, 6, 6, 2] and not refused
    assert all(sum(len(view["picture"]) for view in batch["views"]) < IMPORT_BYTES for batch in batches)
