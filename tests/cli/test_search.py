"""`mqtui search` on real brokers: hits and figures, what ends it, and going on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from mqtui.domain.message import Message
from mqtui.domain.resource import BrokerKind, ParsedName
from mqtui.services.search.places import find_places
from mqtui.services.search.query import SearchQuery
from mqtui.services.search.search import Search
from mqtui.services.session import open_session
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui
from tests.contract.worlds import Letter

COUNT = 300
COUNTED = {"scanned": COUNT, "undecodable": 1, "failed": 0, "not_looked_at": 0}


def orders(kind: BrokerKind) -> list[Letter]:
    """Orders, and one body that nobody can read."""
    bodies = [b'{"order":"AB-%d","total":%d}' % (number, number) for number in range(COUNT - 1)] + [b"\xff\xfe\0"]
    if kind is BrokerKind.REDIS:
        return [Letter(fields=((b"order", b"AB-%d" % number), (b"total", b"%d" % number))) for number in range(COUNT)]
    return [Letter(body, headers=(("region", b"eu" if b"7" in body else b"us"),)) for body in bodies]


def test_hits_figures_and_going_on(mqtui: Mqtui, broker: BrokerFixture) -> None:
    """Text, jq and headers find the same on each broker; a search that stopped at its limit goes on there."""
    world = broker.world
    ref = world.create("orders")
    world.put(ref, orders(broker.kind))
    lends = broker.kind is BrokerKind.RABBITMQ
    where = (broker.url, ref.name)
    rows = mqtui("search", *where, "--grep", "AB-77", "--json").ok().rows()
    assert [row["resource"] for row in rows] == [ref.name]
    done = mqtui("search", *where, ".total >= 100 and .total < 105", "--count", "--json", "--depth", "1000").ok()
    whole = COUNTED | ({"undecodable": 0} if broker.kind is BrokerKind.REDIS else {})
    assert done.rows() == [{"count": 5, **whole}]
    assert ("price of" in done.err) == lends
    text = mqtui("search", *where, ".total == 7").ok()
    assert "AB-7" in text.text and f"{COUNT} of" in text.err and "1 found" in text.err
    mqtui("search", *where, "--grep", "nowhere").fails(1, "0 found", "0 not looked at")
    mqtui("search", *where).fails(2, "Search for what?")
    mqtui("search", *where, "--grep", "(?=x)").fails(2, "look-around")
    mqtui("search", *where, ".total ==").fails(2, "can't be compiled")
    if lends:
        assert world.depth(ref) == COUNT
        return
    found: list[str] = []
    for turn in range(3):
        part = mqtui("search", *where, ".total < 25", "--limit", "10", "--json", *(("--resume",) if turn else ()))
        found += [row["position"] for row in part.ok().rows()]
        assert ("--resume goes on" in part.err) == (turn < 2)
    assert len(found) == 25 == len(set(found))


def pieces_of_worker() -> list[int]:
    """The worker processes of this one."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if b"mqtui.services.search.scan_worker" in words and parent == os.getpid():
            found.append(int(entry.name))
    return found


async def search_killing(url: str, name: str, *, kills: int) -> tuple[Search, list[Message]]:
    """Search a stream, and kill the worker after each of the first reports."""
    async with open_session(url) as session:
        query = SearchQuery('.total != ""')
        places, _ = await find_places(session, [ParsedName(name, typed=name)], query, 1000)
        left = [kills]
        search = Search(session, query, places, limit=None, changed=lambda _: kill(left))
        async with aclosing(search.hits()) as batches:
            return search, [hit async for batch in batches for hit in batch]


def kill(left: list[int]) -> None:
    if left[0]:
        left[0] -= 1
        for worker in pieces_of_worker():
            os.kill(worker, signal.SIGKILL)


async def test_a_killed_worker_costs_nothing(redis: BrokerFixture) -> None:
    """Another one goes on where it was: each entry is found once, and the search says what happened."""
    ref = redis.world.create("many")
    redis.world.put(ref, [Letter(fields=((b"total", b"%d" % number),)) for number in range(5000)])
    search, hits = await search_killing(redis.url, ref.name, kills=2)
    assert len(hits) == 5000 == len({hit.position for hit in hits})
    assert any("was started again" in note for note in search.progress.notes)
    assert search.is_complete


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_ends_a_search_at_once(mqtui: Mqtui, kafka: BrokerFixture, number: int) -> None:
    """A program that takes long on each record: what was found stays, and the exit code says that it was stopped."""
    ref = kafka.world.create("slow")
    kafka.world.put(ref, [Letter(b'{"n":%d}' % each) for each in range(200)])
    process = mqtui.start("search", kafka.url, ref.name, "[range(1000000)] | length > 0", "--json")
    assert process.stderr is not None
    for _ in range(600):
        if any_worker_of(process.pid):
            break
        await asyncio.sleep(0.05)
    process.send_signal(number)
    out, err = await asyncio.wait_for(asyncio.to_thread(process.communicate), 20)
    assert process.returncode == 130, err
    assert b"stopped:" in err and b"not looked at" in err
    assert not any_worker_of(process.pid), out


def any_worker_of(parent: int) -> Sequence[str]:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    return children.read_text().split() if children.exists() else ()
