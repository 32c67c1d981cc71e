"""C31: after `kill -9` the stream is gone, or is another one under the same name: what a resume makes of it (C13)."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator

import pytest

from mqtui.domain.resource import Ref
from tests.brokers import Brokers
from tests.cli.broker_fixtures import run_result, wait_until
from tests.cli.command_line import Mqtui
from tests.contract.redis_server import RedisServer, own_server

LETTERS = 2_000


@pytest.fixture(scope="module")
def server(brokers: Brokers) -> Iterator[RedisServer]:
    """A server of this file's own, since it is flushed."""
    with own_server(brokers) as (_, made):
        yield made


def killed(mqtui: Mqtui, server: RedisServer, source: Ref, target: Ref) -> tuple[str, int]:
    """A redrive that was killed on its way: its run, and how many letters it had in hand."""
    number = LETTERS // 4 + secrets.randbelow(LETTERS // 2)
    print(f"killed at {number}")
    words = ("redrive", server.url, source.name, "--to", target.name, "--rate", 400, "--yes", "--json")
    process = mqtui.start(*words)
    wait_until(lambda: len(server.numbers(target)) >= number)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    (run,) = mqtui("runs", "--json").ok().rows()
    return str(run["run"]), int(run["in_flight"])


@pytest.mark.parametrize("way", ["deleted", "expired", "flushed", "trimmed"])
def test_the_stream_is_gone(mqtui: Mqtui, server: RedisServer, way: str) -> None:
    """Letters in hand are moved where Redis's own record says so, else unknown; the rest was another hand's."""
    source, target = server.stream("dlq", LETTERS), server.stream("home")
    run, in_hand = killed(mqtui, server, source, target)
    home = len(server.numbers(target))
    match way:
        case "deleted":
            server.call("DEL", source.name)
        case "expired":
            server.call("PEXPIREAT", source.name, "1")
        case "trimmed":
            server.call("XTRIM", source.name, "MAXLEN", "0")
        case _:
            server.call("FLUSHDB")
    done = mqtui("runs", "resume", run, "--yes", "--json", within=120).fails(1)
    told = run_result(done)
    assert told["moved"] + told["unknown"] + told["skipped"] == told["planned"] == LETTERS
    assert told["skipped"] > 0
    if way == "flushed":
        assert told["moved"] <= home
        assert told["unknown"] == in_hand
    else:
        assert (told["moved"], told["duplicates_suspected"]) == (home, 0)


def test_another_stream_of_the_same_name(mqtui: Mqtui, server: RedisServer) -> None:
    """Ids that went back: the resume is refused until it is allowed by name; another failover is no obstacle then."""
    source, target = server.stream("dlq"), server.stream("home")
    server.call("DEL", source.name)
    for number in range(1, LETTERS + 1):
        server.call("XADD", source.name, f"{number}-0", "n", number)
    run, _ = killed(mqtui, server, source, target)
    server.call("DEL", source.name)
    server.call("XADD", source.name, f"{LETTERS - 1}-0", "n", 9_999)
    mqtui("runs", "resume", run, "--yes").fails(4, "made-anew", "--allow made-anew")
    assert "made-anew" in mqtui("runs", "resume", run, "--dry-run").out.decode()
    assert server.numbers(source) == [9_999]
    mqtui("runs", "resume", run, "--yes", "--allow", "made-anew").fails(1)
    assert server.numbers(source) == []


def test_a_restart_is_no_other_stream(mqtui: Mqtui, brokers: Brokers) -> None:
    """The same data under another run id of the server: the resume goes on."""
    with own_server(brokers) as (name, server):
        source, target = server.stream("dlq", LETTERS), server.stream("home")
        run, _ = killed(mqtui, server, source, target)
        brokers.servers.stop(name)
        brokers.servers.restart(name)
        told = run_result(mqtui("runs", "resume", run, "--yes", "--json").ok())
        assert told["moved"] == LETTERS
        assert server.numbers(target) == list(range(LETTERS))
