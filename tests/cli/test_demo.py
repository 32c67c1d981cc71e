"""`mqtui demo --headless`: one line of URLs, and nothing of it left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.broker_fixtures import wait_until
from tests.cli.command_line import Mqtui


def opened(mqtui: Mqtui, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A demo with Redis alone, and its URL."""
    folder.mkdir(exist_ok=True)
    mqtui.extra["TMPDIR"] = str(folder)
    running = mqtui.start("demo", "--headless", "--only", "redis", start_new_session=True)
    assert running.stdout is not None
    urls = json.loads(running.stdout.readline())
    assert list(urls) == ["redis"]
    return running, urls["redis"]


def answers(url: str) -> bool:
    """Whether somebody listens there."""
    parts = urlsplit(url)
    with socket.socket() as client:
        return client.connect_ex((parts.hostname or "", parts.port or 0)) == 0


def processes(folder: Path) -> list[str]:
    """Commands that have to do with a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes() + os.fsencode((entry / "cwd").readlink())
            except OSError:
                continue
            if os.fsencode(folder) in command:
                found.append(command.decode(errors="replace"))
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_demo_leaves_nothing(mqtui: Mqtui, tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "servers"
    running, url = opened(mqtui, folder)
    places = mqtui("dlq", url, "--json").ok().rows()
    assert [(row["resource"], row["letters"]) for row in places] == [("payments:dlq", 12)]
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    assert running.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 0), err
    assert out == b""
    assert b"Traceback" not in err
    wait_until(lambda: not answers(url) and not processes(folder) and not any(folder.iterdir()), 6)
