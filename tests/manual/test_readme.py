"""Every command that the README prints is run in the order printed, on the demo, and answers in the shape printed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.architecture.house import PACKAGE
from tests.cli.command_line import Mqtui
from tests.manual.documents import ANY, README, Printed, printed, shape
from tests.terminal import Terminal

SET_UP = ["pip install '.[demo]' && mqtui demo", "bash tests/run"]
"""The main job, which `tests/architecture/test_wheel` and `tests/demo` do, and the tests: you run them now."""

DEMO = "mqtui demo --headless"
ELSEWHERE = "kafka://localhost:9092"
"""The reader's own broker; here it is the demo's."""

END = "-- end of"
READY = 60.0


@dataclass(slots=True)
class Shell:
    """One bash for all commands: variables that one sets are there for the next."""

    process: subprocess.Popen[str]
    number: int = 0

    def run(self, command: str) -> tuple[int, list[str]]:
        """The exit code and the lines of stdout and stderr."""
        assert self.process.stdin and self.process.stdout
        self.number += 1
        self.process.stdin.write(f"{command}\necho; echo '{END}' {self.number} $?\n")
        self.process.stdin.flush()
        lines: list[str] = []
        for line in self.process.stdout:
            if line.startswith(f"{END} {self.number} "):
                return int(line.split()[-1]), lines
            lines.append(line.rstrip("\n"))
        raise AssertionError(f"bash ended in {command}: {lines}")


@pytest.fixture
def environment(mqtui: Mqtui, tmp_path: Path) -> dict[str, str]:
    """That of a reader who has installed mqtui."""
    commands = tmp_path / "bin"
    commands.mkdir()
    program = commands / "mqtui"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mqtui "$@"\n')
    program.chmod(0o755)
    return mqtui.environment() | {"PATH": f"{commands}:{os.environ['PATH']}"}


@pytest.fixture
def shell(environment: dict[str, str], tmp_path: Path) -> Iterator[Shell]:
    with subprocess.Popen(
        ["bash"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Shell(process)
        finally:
            assert process.stdin
            process.stdin.write("kill %1; wait %1\nexit\n")
            process.stdin.close()
            process.wait(30)
    assert not running(process.pid)


def running(session: int) -> bool:
    """Whether anything of the session is still there."""
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    os.killpg(session, signal.SIGKILL)
    return True


def test_the_commands_answer_as_printed(shell: Shell, environment: dict[str, str], tmp_path: Path) -> None:
    commands = printed(README)
    assert [one.command for one in commands[:2]] == SET_UP
    urls = demo(shell, tmp_path, next(one.command for one in commands if one.command.startswith(DEMO)))
    for one in commands[2:]:
        if one.command.startswith(DEMO):
            continue
        if one.command.startswith(("bash ", "python ")):
            assert is_there(one.command), one.command
        elif one.command == "mqtui shop":
            opens(environment)
        else:
            code, lines = shell.run(one.command.replace(ELSEWHERE, urls["kafka"]))
            assert code == 0, (one.command, lines)
            assert not (missing := missing_of(one, lines)), (one.command, missing, lines)


def test_an_answer_of_another_shape_is_found_missing() -> None:
    one = Printed("mqtui ls", ["NAME  KIND  MESSAGES", ANY, "orders  topic  ≈ 31"])
    assert missing_of(one, ["NAME  KIND   MESSAGES", "billing  topic  4", "orders   topic  1,234"]) == []
    assert missing_of(one, ["NAME  KIND   MESSAGES", "orders   queue  31"]) == ["orders  topic  ≈ 31"]


def demo(shell: Shell, folder: Path, command: str) -> Mapping[str, str]:
    """Start it, and wait as a reader does; its URLs by broker."""
    shell.run(command)
    deadline = monotonic() + READY
    written = folder / "urls.json"
    while not (told := written.read_text().strip() if written.exists() else ""):
        assert monotonic() < deadline, "the demo is not ready"
        sleep(0.1)
    urls: Mapping[str, str] = json.loads(told)
    return urls


def missing_of(one: Printed, lines: list[str]) -> list[str]:
    """Lines that are printed and have no like in the answer, after the one before."""
    answered = iter([shape(line) for line in lines])
    return [line for line in one.answer if line != ANY and shape(line) not in answered]


def is_there(command: str) -> bool:
    """Whether what a proof starts exists; they run for longer than a suite may."""
    words = command.split("#")[0].split()
    if words[0] == "bash":
        return (PACKAGE.parent / words[1]).is_file()
    return find_spec(words[2]) is not None


def opens(environment: dict[str, str]) -> None:
    """The console of the profile shows its topics, and ctrl+q leaves it."""
    program = shutil.which("mqtui", path=environment["PATH"])
    assert program
    with Terminal([program, "shop"], environment | {"TERM": "xterm-256color"}) as console:
        console.reads("orders.DLQ")
        console.press("\x11")
        assert console.ended() == 0
