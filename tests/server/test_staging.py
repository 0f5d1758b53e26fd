"""Folders of killed servers are removed at the next start, and those of running ones are not."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from server.staging import LOCK, remove_abandoned, staging

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import subprocess, sys, time
from pathlib import Path
from server.staging import staging

with staging(Path(sys.argv[1]), Path(sys.argv[2])) as made:
    child = subprocess.Popen(["sleep", "1000"], pass_fds=[made.lock])
    (made.folder / "models").mkdir()
    (Path(sys.argv[2]) / f"{made.folder.name}_region").touch()
    print(child.pid, made.folder.name, flush=True)
    time.sleep(1000)
"""


def test_a_killed_server_leaves_nothing_for_long(tmp_path: Path) -> None:
    """Its folder stays as long as any of its processes lives."""
    parent, memory = tmp_path / "tmp", tmp_path / "shm"
    for folder in (parent, memory):
        folder.mkdir()
    command = [sys.executable, "-c", HOLD, str(parent), str(memory)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    child, name = server.stdout.readline().split()
    assert remove_abandoned(parent, memory) == []
    server.kill()
    server.wait()
    assert remove_abandoned(parent, memory) == [] and (parent / name).is_dir()
    end(int(child))
    with staging(parent, memory) as made:
        assert [path.name for path in parent.iterdir()] == [made.folder.name]
        assert list(memory.iterdir()) == []
        assert made.folder.stat().st_mode & 0o777 == 0o700
    assert list(parent.iterdir()) == []
    server.stdout.close()


def end(child: int) -> None:
    """Kill a process, and wait until it is gone."""
    os.kill(child, signal.SIGKILL)
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split(")")[1][:3]:
        time.sleep(0.01)


def test_what_is_not_a_servers_stays(tmp_path: Path) -> None:
    memory = tmp_path / "shm"
    memory.mkdir()
    (tmp_path / "mintmark-notes").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / LOCK).touch()
    (tmp_path / "mintmark-link").symlink_to(tmp_path / "other")
    assert remove_abandoned(tmp_path, memory) == []
    assert (tmp_path / "mintmark-notes").is_dir() and (tmp_path / "other" / LOCK).is_file()


def test_what_cleans_temporary_files_leaves_it_alone(tmp_path: Path) -> None:
    """As tmpfiles.d(5) says: systemd skips a folder that it cannot lock, with all that is in it."""

    def cleans(folder: Path) -> bool:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    with staging(tmp_path, tmp_path) as made:
        assert not cleans(made.folder)
    assert cleans(tmp_path)
