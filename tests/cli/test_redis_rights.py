"""A look asks only what it needs: one right less is one figure less, and no refusal (D9)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.command_line import Mqtui
from tests.contract.redis_server import RedisServer

NEEDED = {
    "peek the newest by walking": ("+xrange +xlen", ("peek", "-n", "1")),
    "peek from the oldest": ("+xrange +xlen", ("peek", "-n", "1", "--from", "oldest")),
    "peek the newest from the end": ("+xrevrange", ("peek", "-n", "1")),
    "pending": ("+xpending", ("pending", "g")),
    "groups": ("+xinfo|groups", ("groups",)),
    "publish": ("+xadd", ("publish", "--value", "x", "--yes")),
}


@pytest.fixture
def streams(redis_url: str) -> Iterator[RedisServer]:
    made = RedisServer(redis_url)
    yield made
    made.close()


@contextmanager
def user(streams: RedisServer, *rights: str) -> Iterator[str]:
    """The URL of a user with these rights."""
    name = f"user-{streams.prefix}"
    streams.call("ACL", "SETUSER", name, "reset", "on", ">secret", f"~{streams.prefix}*", *rights)
    host, port = streams.address.hosts[0]
    yield f"redis://{name}:secret@{host}:{port}"
    streams.call("ACL", "DELUSER", name)


@pytest.mark.parametrize("what", NEEDED)
def test_a_right_that_is_not_needed_does_not_decide(mqtui: Mqtui, streams: RedisServer, what: str) -> None:
    """C64: TYPE, TIME, XINFO, XLEN or XREVRANGE denied: each verb works by what it needs alone."""
    rights, (verb, *rest) = NEEDED[what]
    stream = streams.stream("work", 3)
    streams.group(stream, "g", take=2)
    with user(streams, *rights.split()) as url:
        done = mqtui(verb, url, stream.name, *rest, *(["--json"] if verb != "publish" else [])).ok()
        if verb == "peek":
            wanted = 0 if "oldest" in rest else 2
            ids = [row["position"] for row in done.rows()]
            assert ids == [streams.rows(stream)[wanted][0].decode()]
        elif verb == "pending":
            assert len(done.rows()) == 2
        elif verb == "groups":
            (row,) = done.rows()
            assert (row["pending"], row["members"]) == (2, [])
            assert "XINFO" in row["why"]
            (line,) = mqtui(verb, url, stream.name).ok().text.splitlines()[1:]
            assert line.split()[3] == "?"
        else:
            assert len(streams.rows(stream)) == 4


def test_a_dry_run_of_publish_meets_the_right_that_the_run_would(mqtui: Mqtui, streams: RedisServer) -> None:
    stream = streams.stream("work", 1)
    for rights in ("+@all -xadd", "+@all resetkeys ~elsewhere"):
        with user(streams, *rights.split()) as url:
            for how in ("--dry-run", "--yes"):
                mqtui("publish", url, stream.name, "--value", "x", how).fails(
                    3 if "reset" in rights else 4, "Not allowed"
                )
    with user(streams, "+@all") as url:
        mqtui("publish", url, stream.name, "--value", "x", "--dry-run").ok()
    assert len(streams.rows(stream)) == 1


def test_a_closed_key_is_named_at_once(mqtui: Mqtui, streams: RedisServer) -> None:
    """What is not about one command but about the key refuses every look."""
    with user(streams, "+@all") as url:
        mqtui("peek", url, "elsewhere").fails(3, "Not allowed to use the key elsewhere")
