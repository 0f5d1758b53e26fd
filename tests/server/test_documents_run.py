"""What the documents tell people to type is run as it stands, document by document, before a real server.

`NOT_RUN` lists the commands that are not run, and why.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ensemble import variables
from mintmark import Client
from server.embedded import EmbeddedServer
from server.tls import Tls
from tests.server.catalog_server import FIELDS, MODELS, CatalogClient, unit
from tests.server.conftest import Running, launch
from tests.server.reader import make_checkout, make_files
from tests.test_commands_in_documents import ASKED, blocks, command_lines, named_blocks, without_variables

# How a command line that is not run begins, after its variables: why, and what looks after it instead.
NOT_RUN = {
    r"make ": "installs environments; other tests run what stands behind the targets",
    r"pip install|\.venv/serve/bin/pip install": "changes an environment",
    r"docker ": "there may be no Docker; tests/deploy checks the files and runs what they start",
    r"python build/stand_in_base.py|podman ": "builds an image, as root; tests/deploy/test_slim.py",
    r"kubectl |helm ": "there is no cluster; tests/deploy/test_chart.py renders the chart",
    r"mintmark status --url coins.example:8443": "needs a server with the certificates; below",
    r"python3 -m deploy.healthcheck": "for a container alone; tests/deploy/test_healthcheck.py",
    r"\.venv/serve/bin/python -m web": "runs until Ctrl-C; tests/server/test_web.py",
    r"\.venv/serve/bin/python -m server --target rtx": "needs a GPU",
    r"\.venv/serve/bin/python build/build_engines.py": "needs TensorRT-RTX; tests/build_scripts/test_build_engines.py",
    r"python build/check_gpu.py": "needs a GPU; tests/build_scripts/test_check_gpu.py",
    r"python -m loadtest|locust ": "takes minutes, or runs until Ctrl-C; tests/loadtest",
    r"\.venv/dev/bin/python -m training.train_embedding": "trains for hours; tests/training/test_recipe.py",
    r"\.venv/dev/bin/python build/export_onnx.py": "takes minutes; tests/build_scripts/test_foreign_onnx.py",
    r"\.venv/dev/bin/python -m training.fisher": "needs rendered crops; tests/training/test_fisher.py",
    r"\.venv/dev/bin/python build/quantize.py": "takes minutes; tests/build_scripts/test_quantize.py",
}


def answered(command: str, part: str) -> str:
    """What a shell puts in the place of a part of a command's JSON, which people read from its table."""
    return f"$({command} --json | python -c 'import json, sys; print(json.load(sys.stdin){part})')"


# What stands for something else in a document, and what one would type there.
STANDS_FOR = {
    "photo 17": "photo " + answered("mintmark show zl1", '["views"][0]["id"]'),
    "--event 17": "--event " + answered("mintmark history", '[0]["number"]'),
    "FINGERPRINT": answered("mintmark status", '["model"]'),
    "coins.example": "localhost",
}
ADDRESSES = {"localhost:8001": "url", "http://127.0.0.1:8000": "http", "http://127.0.0.1:8002/metrics": "metrics"}
VIEWS = 50  # in the catalog before: an index of the kind HNSW needs as many
TRAINING = ("docs/dataset.md", "docs/labelling.md")  # they say that the training environment is needed


def is_run(line: str) -> bool:
    """Whether a command line is none of those that are not run."""
    return not any(re.match(pattern, without_variables(line)) for pattern in NOT_RUN)


def steps(document: str) -> Iterator[tuple[str, str]]:
    """What of a document is run, in its order: ("sh", a command line), ("python", a program)."""
    for language, block in named_blocks(document):
        if language == "sh":
            yield from (("sh", line) for line in command_lines(block) if is_run(line))
        elif language == "python":
            yield language, block


def meant(text: str, server: Running) -> str:
    """What one would type."""
    for said, typed in STANDS_FOR.items():
        text = text.replace(said, typed)
    for said, name in ADDRESSES.items():
        text = text.replace(said, getattr(server, name))
    return text


def script(document: str, server: Running) -> str:
    """What of a document is run, for a shell that ends where a command fails or a program prints nothing."""
    written = []
    for language, step in steps(document):
        if language == "sh":
            # By -e alone, `false && true` would pass.
            written += [f"echo {shlex.quote('$ ' + step)}", meant(step, server), "[ $? = 0 ]"]
        else:
            printing = " | grep ." if "print(" in step else ""
            written += [f"python - <<'PROGRAM'{printing}", meant(step, server), "PROGRAM"]
    return "\n".join(written)


def run(typed: str, folder: Path, home: Path, server: Running, environment: str = "serve") -> None:
    """Run a script; it fails where a command does."""
    (home / ".curlrc").write_text("fail\n")  # where the server answers an error
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", typed],
        cwd=folder,
        env={
            "HOME": str(home),
            "PATH": f"{folder}/.venv/{environment}/bin:{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "python_client" / "src"),  # the environment may hold that of another checkout
            variables.URL: server.url,
            variables.TOKEN: "a-token",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    status, said = done.returncode, done.stdout
    print(said)
    assert status == 0
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reader")
    make_checkout(folder)
    make_files(folder)
    return folder


@pytest.fixture(scope="module")
def server(checkout: Path) -> Iterator[Running]:
    """A server as people start it: the catalog is `data/catalog`, and nobody needs a token."""
    running = launch(checkout / "data", "--http")
    client, rng = CatalogClient(running.url), np.random.default_rng(0)
    for _ in range(VIEWS):
        client.enroll(unit(rng), **FIELDS)
    client.close()
    yield running
    running.stop()


@pytest.fixture
def reader(checkout: Path, server: Running) -> Iterator[Path]:
    """The checkout; the files and folders that a document makes there, and entries, are gone before the next one."""
    before = set(checkout.iterdir())
    with Client(server.url) as client:
        there, threshold = {entry.id for entry in client.entries()}, client.status().threshold
        yield checkout
        for entry in [entry for entry in client.entries() if entry.id not in there]:
            client.remove(entry.id)
        client.set_threshold(threshold)
    for path in set(checkout.iterdir()) - before:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_the_tables_have_nothing_that_is_not_in_the_documents() -> None:
    """All commands of users and operators are run."""
    typed = [line for document in ASKED for block in blocks(document, "sh") for line in command_lines(block)]
    texts = typed + [block for document in ASKED for block in blocks(document, "python")]
    left_out = [line for line in typed if not is_run(line)]
    print(f"{len(typed) - len(left_out)} of {len(typed)} command lines are run, and {len(texts) - len(typed)} programs")
    for pattern in NOT_RUN:
        assert any(re.match(pattern, without_variables(line)) for line in left_out), pattern
    assert [said for said in (*STANDS_FOR, *ADDRESSES) if not any(said in text for text in texts)] == []
    assert len([line for line in left_out if re.match(r"(MINT\S+ )?(mintmark|python -m catalog) ", line)]) == 1


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("document", [document for document in ASKED if list(steps(document))])
def test_commands_and_programs_run(document: str, reader: Path, server: Running, tmp_path: Path) -> None:
    run(script(document, server), reader, tmp_path, server, "dev" if document in TRAINING else "serve")


@pytest.mark.server
@pytest.mark.slow
def test_with_the_certificates_of_the_document_a_client_is_let_in(
    reader: Path, server: Running, tmp_path: Path
) -> None:
    document, secrets = "docs/deployment.md", reader / "deploy" / "secrets"
    (status,) = [line for block in blocks(document, "sh") for line in command_lines(block) if ":8443" in line]
    run(script(document, server), reader, tmp_path, server)
    tls = Tls(secrets / "server.pem", secrets / "server.key", secrets / "clients.pem")
    with EmbeddedServer(tmp_path / "catalog", models=MODELS, tls=tls, log=tmp_path / "server.log") as encrypted:
        port = encrypted.url.rpartition(":")[2]
        run(meant(status, server).replace("8443", port), reader, tmp_path, server)
