"""`mqtui search` on real brokers: hits and figures, what ends it, and going on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from mqtui.domain.errors import NotFound
from mqtui.domain.message import Message
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import BrokerKind, ParsedName
from mqtui.services.search.places import find_places
from mqtui.services.search.query import SearchQuery
from mqtui.services.search.search import Search
from mqtui.services.session import open_session
from tests.cli.broker_fixtures import BrokerFixture, BrokerFixtureOn, RabbitMQDeadLetters
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
    mqtui("search", *where, ".total == 7", "--yes").fails(2, "go with --share")
    check_sharing_is_a_plan(mqtui, broker, where)
    if lends:
        assert world.depth(ref) == COUNT
        where = (broker.url, stream_of_orders(broker))
        assert mqtui("search", *where, ".total >= 100 and .total < 105", "--count", "--json").ok().rows() == done.rows()
    found: list[str] = []
    for turn in range(3):
        part = mqtui("search", *where, ".total < 25", "--limit", "10", "--json", *(("--resume",) if turn else ()))
        found += [row["position"] for row in part.ok().rows()]
        assert ("--resume goes on" in part.err) == (turn < 2)
    assert len(found) == 25 == len(set(found))


def check_sharing_is_a_plan(mqtui: Mqtui, broker: BrokerFixture, where: tuple[str, str]) -> None:
    """Nothing is joined without consent, and nowhere but on Kafka; the only one finds all, and leaves no group."""
    words = ("search", *where, ".total >= 100 and .total < 105", "--share", broker.world.prefix)
    if broker.kind is not BrokerKind.KAFKA:
        mqtui(*words, "--yes").fails(
            4, "lends each message" if broker.kind is BrokerKind.RABBITMQ else "only Kafka's groups"
        )
        return
    before = broker.world.fingerprint()
    assert f".search.{broker.world.prefix}: made by this" in mqtui(*words, "--dry-run").ok().text
    mqtui(*words, "--resume").fails(2, "goes on by itself")
    mqtui(*words).fails(4, "--yes")
    plan, *hits = mqtui(*words, "--yes", "--json").ok().rows()
    assert plan["plan"]["verb"] == "share" and len(hits) == 5
    told = mqtui(*words, "--yes", "--json", "--count").ok()
    assert told.rows()[1:] == [{"count": 5, **COUNTED}] and "by this process 300 of" in told.err
    assert broker.world.fingerprint() == before


def stream_of_orders(broker: BrokerFixture) -> str:
    """The same orders in a stream of RabbitMQ, which gives them for nothing."""
    assert isinstance(broker.world, RabbitMQDeadLetters)
    stream = broker.world.stream()
    broker.world.put(stream, orders(broker.kind))
    return stream.name


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


async def search_killing(url: str, name: str, *, kills: int, first: Edge) -> tuple[Search, list[Message]]:
    """Search a stream, and kill the workers after each of the first reports."""
    async with open_session(url) as session:
        query = SearchQuery('.total + 0 != ""')
        places, _ = await find_places(session, [ParsedName(name, typed=name)], query, 1000)
        left = [kills]
        search = Search(session, query, places, limit=None, first=first, changed=lambda _: kill(left))
        async with aclosing(search.hits()) as batches:
            return search, [hit async for batch in batches for hit in batch]


def kill(left: list[int]) -> None:
    if left[0]:
        left[0] -= 1
        for worker in pieces_of_worker():
            os.kill(worker, signal.SIGKILL)


@pytest.mark.parametrize(
    ("kind", "count", "first"), [(BrokerKind.REDIS, 5_000, Edge.NEWEST), (BrokerKind.KAFKA, 100_000, Edge.OLDEST)]
)
async def test_a_killed_worker_costs_nothing(
    broker_on: BrokerFixtureOn, kind: BrokerKind, count: int, first: Edge
) -> None:
    """Another one goes on where it was: each message is found once, and the search says what happened. In stored order
    Kafka is scanned by several, all of which are killed.
    """
    broker = broker_on(kind)
    ref = broker.world.create("many")
    totals = [b"%d" % number for number in range(count)]
    if broker.redis:
        broker.world.put(ref, [Letter(fields=((b"total", total),)) for total in totals])
    else:
        broker.world.put(ref, [Letter(b'{"total":%b}' % total) for total in totals])
    search, hits = await search_killing(broker.url, ref.name, kills=2, first=first)
    assert len(hits) == count == len({hit.position for hit in hits})
    assert any("was started again" in note for note in search.progress.notes)
    assert search.is_complete


async def test_a_destination_that_is_deleted_meanwhile_costs_only_itself(broker: BrokerFixture) -> None:
    gone, stays = broker.world.create("gone"), broker.world.create("stays")
    for ref in (gone, stays):
        broker.world.put(ref, orders(broker.kind)[:20])
    query = SearchQuery(".total < 5")
    async with open_session(broker.url) as session:
        names = [ParsedName(ref.name, typed=ref.name) for ref in (gone, stays)]
        places, _ = await find_places(session, names, query, 1000)
        search = Search(session, query, places, limit=None)
        broker.world.remove(gone)
        async with aclosing(search.hits(Consent(spend=True))) as batches:
            found = [hit.resource async for batch in batches for hit in batch]
    assert found == [stays] * 5
    ((ref, error),) = search.errors
    assert ref == gone and isinstance(error, NotFound) and not search.is_complete


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_ends_a_search_at_once(mqtui: Mqtui, kafka: BrokerFixture, number: int) -> None:
    """A program that takes long on each record: what was found stays, and the exit code says that it was stopped."""
    ref = kafka.world.create("slow")
    kafka.world.put(ref, [Letter(b'{"n":%d}' % each) for each in range(200)])
    process = mqtui.start("search", kafka.url, ref.name, "[range(1000000)] | length > 0", "--json")
    assert process.stderr is not None
    for _ in range(600):
        if any_worker_of(process.pid) and catches(process.pid, signal.SIGTERM):
            break
        await asyncio.sleep(0.05)
    process.send_signal(number)
    out, err = await asyncio.wait_for(asyncio.to_thread(process.communicate), 20)
    assert process.returncode == 130, err
    assert b"stopped:" in err and b"not looked at" in err
    assert not any_worker_of(process.pid), out


def catches(process: int, number: int) -> bool:
    """Whether a process has a handler for a signal, which a search has once it knows what to scan."""
    status = Path(f"/proc/{process}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def any_worker_of(parent: int) -> Sequence[str]:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    return children.read_text().split() if children.exists() else ()
