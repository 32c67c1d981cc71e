"""Folders, processes and delivery counts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mqtui.domain.errors import StorageFailed
from mqtui.machine.process import is_alive, process_start
from mqtui.state.paths import cache_dir, config_dir, state_dir
from mqtui.state.peek_budget import StoredPeekBudget

ROOT = Path(__file__).parents[2]


def test_folders_are_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTUI_CACHE_DIR", str(tmp_path / "a" / "cache"))
    assert config_dir() == tmp_path / "config" and state_dir() == tmp_path / "state"
    assert cache_dir() == tmp_path / "a" / "cache"
    assert [folder.stat().st_mode & 0o777 for folder in (config_dir(), state_dir(), cache_dir())] == [0o700] * 3


def test_without_it_they_follow_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MQTUI_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in state_dir().parents and state_dir().name == "mqtui"


def test_a_folder_that_can_not_be_made_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MQTUI_STATE_DIR", str(tmp_path / "file" / "x"))
    with pytest.raises(StorageFailed, match="can't be made"):
        state_dir()


def test_a_process_is_known_by_id_and_start() -> None:
    start = process_start(os.getpid())
    assert is_alive(os.getpid(), start) and is_alive(os.getpid(), None)
    assert start is None or not is_alive(os.getpid(), start + 1)


def test_a_killed_process_is_gone_before_it_is_waited_for() -> None:
    child = subprocess.Popen([sys.executable, "-c", "print(1, flush=True); input()"], stdin=-1, stdout=-1)
    assert child.stdout is not None and child.stdin is not None
    child.stdout.readline()
    start = process_start(child.pid)
    assert is_alive(child.pid, start)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(child.pid, start)
    child.communicate()


def test_the_fewest_deliveries_left_are_kept_until_deleted() -> None:
    counts, other = StoredPeekBudget(), StoredPeekBudget()
    assert counts.get("amqp://h/ q") is None
    counts.set("amqp://h/ q", 3)
    counts.set("amqp://h/ q", 1)
    other.set("amqp://h/ q", 2)
    other.set("caf\udce9", 5)
    assert counts.get("amqp://h/ q") == 1 and counts.get("caf\udce9") == 5
    other.set("amqp://h/ q", None)
    assert counts.get("amqp://h/ q") is None
    counts.close()
    other.close()


def test_many_processes_may_begin_at_once() -> None:
    code = """
from mqtui.state.peek_budget import StoredPeekBudget
input()
counts = StoredPeekBudget()
for place in range(20):
    counts.set("q", 100 - place)
"""
    children = [subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, cwd=ROOT) for _ in range(4)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.close()
    assert [child.wait() for child in children] == [0] * 4
    counts = StoredPeekBudget()
    assert counts.get("q") == 81
    counts.close()
