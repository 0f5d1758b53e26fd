"""`mintmark completion`: real shells complete commands, options, sides and files, typed at a terminal."""

import os
import pty
import select
import shutil
import subprocess
from pathlib import Path

import pytest

from mintmark._cli.completion import SCRIPTS
from tests.python_client.samples import Capture, Run

SCRIPT_FOLDER = Path(__file__).resolve().parents[2] / "python_client" / "src" / "mintmark" / "_cli" / "completions"
START = {  # a shell without anybody's settings, and what loads the script
    "bash": (["bash", "--norc", "--noprofile", "-i"], "bind 'set enable-bracketed-paste off'; source {script}"),
    "zsh": (
        ["zsh", "-f", "-i"],
        'unset zle_bracketed_paste; autoload -U compinit; compinit -u -D; eval "$(<{script})"',
    ),
}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_it_prints_the_script(run: Run, shell: str, capsys: Capture) -> None:
    assert run("completion", shell) == 0
    assert capsys.readouterr().out == (SCRIPT_FOLDER / SCRIPTS[shell]).read_text(encoding="utf-8")


def test_another_shell_is_wrong_usage(run: Run, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("completion", "fish")
    assert stopped.value.code == 2 and "'bash', 'zsh'" in capsys.readouterr().err


TYPED = {  # with tabs, and what the shell makes of it
    "enr\t": "enroll",
    "enroll --den\t": "enroll --denomination",
    "enroll --side rev\t": "enroll --side reverse",
    "enroll --side bo\t": "enroll --side both",
    "recognize phot\t": "recognize photo.jpg",
    "recognize photo.jpg --no\t": "recognize photo.jpg --no-verify",
    "import fold\t": "import folder",
    "enroll --from tab\t": "enroll --from table.csv",
    "completion zs\t": "completion zsh",
}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_shell_completes(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    for name in ("photo.jpg", "table.csv"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    words, load = START[shell]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "HOME": str(tmp_path), "PS1": "", "HISTFILE": ""}
    process = subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment, start_new_session=True
    )
    os.close(theirs)
    try:
        script = SCRIPT_FOLDER / SCRIPTS[shell]
        type_at(ours, f"{load.format(script=script)}; mintmark() {{ echo \"[got:$*]\"; }}; echo rea''dy\n", "ready")
        for typed, expected in TYPED.items():
            shown = type_at(ours, f"mintmark {typed}\n", "[got:")
            while "]" not in shown[shown.index("[got:") :]:
                shown += type_at(ours, "", "]")
            got = shown[shown.index("[got:") + 5 :].partition("]")[0]
            assert got.rstrip(" /") == expected, f"{typed!r} became {shown!r}"
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def type_at(terminal: int, keys: str, until: str) -> str:
    """What the terminal shows after these keys, until a text is there."""
    os.write(terminal, keys.encode())
    shown = ""
    while until not in shown:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, f"nothing more after {shown!r}"
        shown += os.read(terminal, 65_536).decode(errors="replace")
    return shown
