"""Nothing is left: no process, no port, no folder, however the parent or the supervisor ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mqtui.demo.servers import Servers, ServersClosed
from mqtui.demo.servers.external_brokers import VARIABLES
from mqtui.demo.servers.server_spec import Process
from mqtui.demo.servers.supervisor_client import SupervisorClient
from tests.demo.processes import alive, at_home_in, listens, until

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

OWNER = """
import json, signal, sys
from mqtui.demo.servers import Servers
servers = Servers()
urls = servers.start_all(sys.argv[1].split(","))
ports = [port for name in urls for port in servers.ports(name).values()]
print(json.dumps({"folder": str(servers.folder), "supervisor": servers.supervisor_pid, "ports": ports}), flush=True)
signal.pause()
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that owns servers, and what it told about them."""

    pid: int
    supervisor: int
    folder: Path
    ports: list[int]

    def gone(self) -> bool:
        """Say whether neither supervisor, servers, folder nor any port is left."""
        return not (
            alive(self.supervisor)
            or at_home_in(self.folder)
            or self.folder.exists()
            or any(listens(port) for port in self.ports)
        )


@contextmanager
def owner(kinds: str) -> Iterator[Owner]:
    outside = {key: value for key, value in os.environ.items() if key not in VARIABLES.values()}
    with subprocess.Popen([sys.executable, "-c", OWNER, kinds], stdout=subprocess.PIPE, env=outside) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield Owner(process.pid, told["supervisor"], Path(told["folder"]), told["ports"])
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_three_are_gone_five_seconds_after_their_parent(number: signal.Signals) -> None:
    with owner("kafka,rabbitmq,redis") as parent:
        assert len(at_home_in(parent.folder)) >= 5  # Java, Erlang and its helpers, epmd, Redis
        assert any(listens(port) for port in parent.ports)
        os.kill(parent.pid, number)
        until(parent.gone, 5, f"gone after {number.name}: {at_home_in(parent.folder)}")
        assert not parent.folder.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_supervisor_that_is_asked_to_end_takes_all_with_it(number: signal.Signals) -> None:
    with owner("redis") as parent:
        os.kill(parent.supervisor, number)
        until(parent.gone, 5, f"gone after {number.name} to the supervisor")
        assert alive(parent.pid)


def test_servers_die_with_a_killed_supervisor_and_the_owner_removes_the_folder() -> None:
    with Servers() as servers:
        servers.start_redis("mine")
        os.kill(servers.supervisor_pid, signal.SIGKILL)
        until(lambda: not at_home_in(servers.folder), 5, "no process without a supervisor")
        with pytest.raises(ServersClosed):
            servers.start_redis("another")
    assert not servers.folder.exists()


def test_a_process_that_ignores_sigterm_and_one_that_fled_its_group_are_killed(tmp_path: Path) -> None:
    kept = SupervisorClient(tmp_path)
    script = "trap '' TERM; setsid sh -c \"trap '' TERM; sleep 300; :\" & sleep 300; :"
    kept.start(Process("stubborn", ("sh", "-c", script), dict(os.environ), kept.folder, kept.folder / "log"))
    until(lambda: len(at_home_in(kept.folder)) >= 4, 10, "two shells and what they started")
    kept.close()
    until(lambda: not at_home_in(kept.folder), 5, "all four are gone")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_leaves_in_its_group_is_killed_too(tmp_path: Path) -> None:
    kept = SupervisorClient(tmp_path)
    script = "sleep 300 & exec sleep 301"
    pid = kept.start(Process("parent", ("sh", "-c", script), dict(os.environ), kept.folder, kept.folder / "log"))
    until(lambda: len(at_home_in(kept.folder)) == 2, 10, "both sleepers")
    os.kill(pid, signal.SIGKILL)
    assert kept.wait("parent", 10) == -signal.SIGKILL
    until(lambda: not at_home_in(kept.folder), 5, "the sleeper that was left")
    kept.close()
    assert list(tmp_path.iterdir()) == []


def test_closed_servers_start_nothing() -> None:
    servers = Servers()
    servers.close()
    servers.close()
    with pytest.raises(ServersClosed):
        servers.start_redis("late")
    assert not servers.folder.exists()


def test_the_command_prints_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    outside = {key: value for key, value in os.environ.items() if key not in VARIABLES.values()}
    command = [sys.executable, "-m", "mqtui.demo.servers", "redis"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=outside | {"TMPDIR": str(tmp_path)}) as process:
        assert process.stdout is not None
        urls = json.loads(process.stdout.readline())
        assert list(urls) == ["redis"]
        assert len(at_home_in(tmp_path)) >= 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stdout.read() == b""
    assert at_home_in(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
