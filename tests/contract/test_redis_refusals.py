"""D9: a definite refusal is reported as one, in Redis's words; a check that fails otherwise proves nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from mqtui.brokers.port import Adapter
from mqtui.brokers.redis.redrive.bookkeeping_keys import handled_set_key
from mqtui.domain.capability import Verb
from mqtui.domain.errors import Unsupported
from mqtui.domain.message import Outgoing
from mqtui.domain.plan import Claim, Deliver, Plan, Send, Severity, Step, Take
from mqtui.domain.redrive import PublishStatus, Receipt, Selection, Transfer
from mqtui.domain.resource import Kind, Ref
from tests.brokers import Brokers
from tests.contract.asking import Move, a_plan, eventually, publish, read, writing
from tests.contract.redis_server import RedisServer, own_server
from tests.contract.test_redis_move_scripts import user_with_rights

BLOCKED = "blocked.rdb"


@pytest.fixture(scope="module")
def shared(brokers: Brokers) -> Iterator[RedisServer]:
    """A server of this file's own, since its settings are changed."""
    with own_server(brokers, f"dbfilename {BLOCKED}") as (_, server):
        yield server


@pytest.fixture
def own(shared: RedisServer) -> Iterator[RedisServer]:
    yield shared
    for name, value in (("maxmemory", "0"), ("maxmemory-policy", "noeviction"), ("save", ""), ("appendonly", "yes")):
        shared.client.config_set(name, value)
    shared.call("REPLICAOF", "NO", "ONE")


@pytest.fixture
async def adapter(own: RedisServer) -> AsyncIterator[Adapter]:
    made = own.adapter(options={"reconnect-ms": "500"})
    yield made
    await made.close()


def risk_severities(plan: Plan) -> dict[str, Severity]:
    return {risk.name: risk.severity for risk in plan.risks}


def risk_text(plan: Plan, name: str) -> str:
    return next(risk.text for risk in plan.risks if risk.name == name)


def fill_memory(server: RedisServer) -> None:
    server.client.config_set("maxmemory", "1")


async def test_c63_a_discard_works_in_a_full_redis(own: RedisServer, adapter: Adapter) -> None:
    """C63: XDEL is allowed above maxmemory; what a group still needs is marked, as elsewhere."""
    source = own.stream("dlq", 10)
    own.group(source, "slow", take=4, acknowledge=2)
    fill_memory(own)
    move = Move(adapter, source, source, removes=True)
    _, plan = await move.planned()
    assert [name for name, severity in risk_severities(plan).items() if severity is Severity.REFUSE] == []
    async with move.lease() as lease:
        letters = [letter async for batch in lease.batches(100) for letter in batch]
        receipts = await lease.settle(letters)
    assert {one.state for one in receipts} == {PublishStatus.STORED}
    assert own.numbers(source) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert own.client.scard(handled_set_key(own.prefix, source.name.encode())) == 8


async def test_c63_a_redrive_in_a_full_redis_is_refused_by_its_plan(own: RedisServer, adapter: Adapter) -> None:
    """C63: `Redis is full` stands in the plan; with an override letters are moved or refused, never unknown."""
    source, target = own.stream("dlq", 10), own.stream("home")
    fill_memory(own)
    _, plan = await Move(adapter, source, target).planned()
    assert risk_severities(plan)["memory"] is Severity.REFUSE
    assert risk_text(plan, "memory").startswith("Redis is full")
    receipts = await Move(adapter, source, target).all()
    moved = sum(one.state is PublishStatus.STORED for one in receipts)
    assert {one.state for one in receipts} <= {PublishStatus.STORED, PublishStatus.REFUSED}
    assert (len(own.numbers(target)), len(own.numbers(source))) == (moved, 10 - moved)


async def test_letters_of_another_broker_are_refused_by_a_full_redis(own: RedisServer, adapter: Adapter) -> None:
    """D9: so are letters of another broker: each is refused with Redis's text."""
    target, other = own.stream("home"), own.stream("other")
    fill_memory(own)
    source = await adapter.broker.snapshot(other)
    plan = await adapter.broker.check_plan(source, a_plan(adapter, Verb.PUBLISH, Send(target, source.count)))
    assert risk_severities(plan)["memory"] is Severity.REFUSE
    receipts = await publish(adapter, [Outgoing(target, fields=((b"n", b"%d" % number),)) for number in range(3)])
    assert {one.state for one in receipts} == {PublishStatus.REFUSED}
    assert all("Redis is full" in one.reason and "maxmemory" in one.reason for one in receipts)


async def move_while(
    server: RedisServer, adapter: Adapter, source: Ref, target: Ref, trouble: Sequence[str]
) -> list[Receipt]:
    """Move half, let trouble come, move the rest."""
    move = Move(adapter, source, target)
    async with move.lease() as lease:
        letters = [letter async for batch in lease.batches(100) for letter in batch]
        first = await lease.move(move.transfers(letters[:5]))
        server.call(*trouble)
        return [*first, *await lease.move(move.transfers(letters[5:]))]


async def test_memory_that_runs_out_during_a_run(own: RedisServer, adapter: Adapter) -> None:
    """D9: a Redis that fills up in the middle moves or refuses, and doubles nothing."""
    source, target = own.stream("dlq", 10), own.stream("home")
    receipts = await move_while(own, adapter, source, target, ("CONFIG", "SET", "maxmemory", "1"))
    assert {one.state for one in receipts} <= {PublishStatus.STORED, PublishStatus.REFUSED}
    home = {number for number, one in enumerate(receipts) if one.state is PublishStatus.STORED}
    assert (set(own.numbers(target)), set(own.numbers(source))) == (home, set(range(10)) - home)


async def test_a_primary_that_becomes_a_replica_during_a_run(own: RedisServer, adapter: Adapter) -> None:
    """D9: READONLY refuses the rest by name."""
    source, target = own.stream("dlq", 10), own.stream("home")
    receipts = await move_while(own, adapter, source, target, ("REPLICAOF", "127.0.0.1", "1"))
    assert [one.state for one in receipts] == [PublishStatus.STORED] * 5 + [PublishStatus.REFUSED] * 5
    assert all("read-only replica" in one.reason for one in receipts[5:])
    assert own.numbers(source) == [5, 6, 7, 8, 9]


async def test_a_failed_snapshot_that_stops_writes(own: RedisServer, adapter: Adapter) -> None:
    """D9: MISCONF: the plan says that Redis refuses writes and why; during a run it is each letter's refusal."""
    source, target = own.stream("dlq", 10), own.stream("home")
    own.client.config_set("appendonly", "no")
    with no_snapshots(own):
        _, plan = await Move(adapter, source, target).planned()
        assert risk_severities(plan)["writes"] is Severity.REFUSE
        assert "snapshot" in risk_text(plan, "writes")
        own.client.config_set("save", "")
        receipts = await move_while(own, adapter, source, target, ("CONFIG", "SET", "save", "3600 1"))
    assert [one.state for one in receipts] == [PublishStatus.STORED] * 5 + [PublishStatus.REFUSED] * 5
    assert all("MISCONF" in one.reason for one in receipts[5:])
    assert own.numbers(target) == [0, 1, 2, 3, 4]


@contextmanager
def no_snapshots(server: RedisServer) -> Iterator[None]:
    """BGSAVE has failed, since a folder stands where its file should go."""
    place = Path(str(server.client.config_get("dir")["dir"])) / BLOCKED
    place.mkdir()
    server.client.config_set("save", "3600 1")
    server.client.bgsave()
    until = threading.Event()
    for _ in range(100):
        if server.client.info("persistence")["rdb_last_bgsave_status"] == "err":
            break
        until.wait(0.05)
    yield
    place.rmdir()
    server.client.config_set("save", "")
    server.client.bgsave()


async def test_a_script_of_another_client_that_never_ends(own: RedisServer, adapter: Adapter) -> None:
    """D9: BUSY refuses by name, and the letters stay."""
    source, target = own.stream("dlq", 4), own.stream("home")
    own.client.config_set("busy-reply-threshold", "50")
    move = Move(adapter, source, target)
    async with move.lease() as lease:
        letters = [letter async for batch in lease.batches(100) for letter in batch]
        endless = threading.Thread(target=run_endless, args=(own.url,))
        endless.start()

        async def busy() -> bool:
            try:
                own.client.ping()
            except redis.exceptions.ResponseError:
                return True
            return False

        await eventually(busy, "the script is too long")
        receipts = await lease.move(move.transfers(letters))
        own.call("SCRIPT", "KILL")
        endless.join()
    assert {one.state for one in receipts} == {PublishStatus.REFUSED}
    assert all("busy with a script" in one.reason for one in receipts)
    assert own.numbers(source) == [0, 1, 2, 3]


def run_endless(url: str) -> None:
    with redis.Redis.from_url(url) as client, pytest.raises(redis.exceptions.ResponseError):
        client.eval("while true do end", 0)


async def test_c57_one_unusable_target_keeps_its_own_letters(own: RedisServer) -> None:
    """C57, D9: a target without right, one that is no stream, one that is gone: the other letters are moved."""
    source, good, closed = own.stream("dlq", 8), own.stream("home"), own.stream("closed")
    text, gone = Ref(good.kind, own.name("text")), Ref(good.kind, own.name("gone"))
    own.client.set(text.name, "x")
    targets = (good, closed, text, gone)
    async with user_with_rights(
        own, f"~{source.name} ~{good.name} ~{text.name} ~{gone.name} ~{own.prefix}:{{* +@all"
    ) as adapter:
        found = await adapter.broker.snapshot(source)
        steps: tuple[Step, ...] = (Take(found, Selection()), *(Deliver(target, found.count) for target in targets))
        plan = await adapter.broker.check_plan(found, a_plan(adapter, Verb.REDRIVE, *steps, count=found.count))
        assert [name for name, severity in risk_severities(plan).items() if severity is Severity.REFUSE] == []
        assert len([risk for risk in plan.risks if risk.name == "target"]) == 3
        terms = replace(Move(adapter, source, good).terms(plan), targets=targets)
        async with writing(adapter, plan) as writer, writer.lease(found, terms) as lease:
            letters = [letter async for batch in lease.batches(100) for letter in batch]
            receipts = await lease.move([Transfer(one, targets[place % 4]) for place, one in enumerate(letters)])
    assert [one.state for one in receipts] == ([PublishStatus.STORED] + [PublishStatus.REFUSED] * 3) * 2
    assert closed.name in receipts[1].reason
    assert "not a stream" in receipts[2].reason
    assert "No stream" in receipts[3].reason
    assert own.numbers(good) == [0, 4]
    assert own.numbers(source) == [1, 2, 3, 5, 6, 7]


async def test_a_right_that_is_revoked_during_a_run(own: RedisServer) -> None:
    """D9, D4: NOPERM in the middle of a run: the letters that follow are refused; none is copied and kept."""
    for taken in ("-xadd", "-xpending", "-sadd", "-xdel", "-eval", "-sismember", "resetkeys"):
        source, target = own.stream("dlq", 10), own.stream("home")
        own.group(source, "g", take=10, acknowledge=5)
        async with user_with_rights(own, "~* +@all") as adapter:
            user = adapter_user(own)
            receipts = await move_while(own, adapter, source, target, ("ACL", "SETUSER", user, taken))
        home = [number for number, one in enumerate(receipts) if one.state is PublishStatus.STORED]
        assert (taken, {one.state for one in receipts[5:]}) == (taken, {PublishStatus.REFUSED})
        assert (taken, own.numbers(target)) == (taken, home)


def adapter_user(server: RedisServer) -> str:
    users = [os.fsdecode(name) for name in server.call("ACL", "USERS")]
    return next(name for name in users if name != "default")


async def test_a_handled_set_key_of_another_type(own: RedisServer, adapter: Adapter) -> None:
    """D9, D4: whatever would fail is found before the first letter is stored."""
    source, target = own.stream("dlq", 10), own.stream("home")
    mark = handled_set_key(own.prefix, source.name.encode()).decode()
    receipts = await move_while(own, adapter, source, target, ("SET", mark, "x"))
    assert [one.state for one in receipts] == [PublishStatus.STORED] * 5 + [PublishStatus.REFUSED] * 5
    assert all("WRONGTYPE" in one.reason for one in receipts[5:])
    assert own.numbers(target) == [0, 1, 2, 3, 4]


@asynccontextmanager
async def server_without(
    brokers: Brokers, command: str, *config: str, renamed: str = '""'
) -> AsyncIterator[tuple[RedisServer, Adapter]]:
    """A server on which a command is disabled, or renamed."""
    with own_server(brokers, f"rename-command {command} {renamed}", *config) as (_, server):
        adapter = server.adapter()
        try:
            yield server, adapter
        finally:
            await adapter.close()


@pytest.mark.parametrize(
    ("command", "said"), [("INFO", "unknown-server"), ("CONFIG", "persistence"), ("TIME", ""), ("TYPE", "")]
)
async def test_c62_a_disabled_command_costs_only_its_figures(brokers: Brokers, command: str, said: str) -> None:
    """C62, C64, C76: INFO, CONFIG, TIME, TYPE disabled or renamed: all works, and unknown figures say so."""
    async with server_without(brokers, command, "appendonly no") as (server, adapter):
        source, target = server.stream("dlq", 6), server.stream("home")
        pending = server.group(source, "g", take=6)
        assert len(await read(adapter, source)) == 6
        assert ((await adapter.broker.catalog.describe_cluster()).version == "?") is (command == "INFO")
        _, plan = await Move(adapter, source, target).planned()
        assert said == "" or risk_severities(plan)[said] is Severity.WARN
        assert said == "" or "not known" in risk_text(plan, said)
        page = await adapter.broker.pending.list_entries(source, "g") if adapter.broker.pending else None
        assert page is not None
        assert len(page.items) == len(pending)
        seen = tuple((entry.id, entry.idle, entry.read_at) for entry in page.items)
        claim = Claim(source, "g", "c2", 0, seen)
        async with writing(adapter, a_plan(adapter, Verb.CLAIM, claim)) as writer:
            assert (await writer.apply(claim)).done == 6
        server.call("XACK", source.name, "g", *pending)
        if command == "TYPE":
            assert "does not offer TYPE" in risk_text(plan, "rights")
            return
        receipts = await Move(adapter, source, target).all()
        assert {one.state for one in receipts} == {PublishStatus.STORED}
        assert server.numbers(target) == list(range(6))


HIDDEN = "mqtui-hidden"


@pytest.mark.parametrize("command", ["EVAL", "XDEL", "XADD"])
async def test_a_disabled_command_that_a_move_needs_is_named_by_the_plan(brokers: Brokers, command: str) -> None:
    """D9: refused in the plan, and by the run before anything is touched; never `unknown`."""
    async with server_without(brokers, command, renamed=HIDDEN) as (server, adapter):
        source, target = renamed_streams(server, command)
        found, plan = await Move(adapter, source, target).planned()
        assert risk_severities(plan)["rights"] is Severity.REFUSE
        assert f"does not offer {command}" in risk_text(plan, "rights")
        with pytest.raises(Unsupported, match=command):
            async with Move(adapter, source, target).lease((found, replace(plan, risks=()))):
                pass


def renamed_streams(server: RedisServer, command: str) -> tuple[Ref, Ref]:
    """Streams of one entry, made by what the command is called there."""
    made = []
    for stem in ("dlq", "home"):
        name = server.name(stem)
        server.call("XGROUP", "CREATE", name, "g", "0", "MKSTREAM")
        server.call(HIDDEN if command == "XADD" else "XADD", name, "*", "n", "1")
        made.append(name)
    return Ref(Kind.STREAM, made[0]), Ref(Kind.STREAM, made[1])
