"""C13: letters that go to another broker are claimed one by one, so that two runs do not both store them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from mqtui.brokers.port import Adapter, ClaimsLetters, Lease
from mqtui.brokers.redis.redrive import cross_broker_claims
from mqtui.brokers.redis.redrive.bookkeeping_keys import TTL_S, claims_key
from mqtui.domain.capability import Verb
from mqtui.domain.message import Message
from mqtui.domain.plan import Remove, Take
from mqtui.domain.redrive import LetterClaim, PublishStatus, Selection
from mqtui.domain.resource import Ref
from tests.brokers import Brokers
from tests.contract.asking import Move, a_plan
from tests.contract.redis_server import RedisServer, own_server
from tests.contract.test_redis_move_scripts import RIGHTS, user_with_rights

FREE = LetterClaim()


@asynccontextmanager
async def open_lease(
    adapter: Adapter, source: Ref, operator: str, run: str = ""
) -> AsyncIterator[tuple[ClaimsLetters, Lease, list[Message]]]:
    """A lease for letters that go to another broker, with all of them."""
    move = Move(adapter, source, source, run=run or uuid.uuid4().hex, operator=operator, removes=True)
    async with move.lease() as lease:
        assert isinstance(lease, ClaimsLetters)
        yield lease, lease, [letter async for batch in lease.batches(2000) for letter in batch]


def claims_key_of(server: RedisServer, source: Ref) -> bytes:
    return claims_key(server.prefix, source.name.encode())


async def test_each_letter_is_claimed_by_one_run(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """C32: two operators at the same instant, 3,000 letters: each may store what the other has not claimed."""
    source = redis_server.stream("dlq", 3_000)
    granted: list[list[Message]] = [[], []]
    both = asyncio.Barrier(2)

    async def run(number: int) -> None:
        other = redis_server.adapter()
        async with open_lease(other, source, f"op{number}") as (lease, _, letters):
            for start in range(0, len(letters), 100):
                some = letters[start : start + 100]
                told = await lease.claim(some)
                granted[number] += [letter for letter, claim in zip(some, told, strict=True) if claim == FREE]
                refused = [claim.refused for claim in told if claim.refused is not None]
                assert all(
                    one.state is PublishStatus.GONE and f"of op{1 - number} on " in one.reason for one in refused
                )
                await asyncio.sleep(0)
            await both.wait()
        await other.close()

    await asyncio.wait_for(asyncio.gather(run(0), run(1)), 60)
    positions = [letter.position for some in granted for letter in some]
    assert (len(positions), len(set(positions))) == (3_000, 3_000)


async def test_settled_and_kept_letters_are_not_claimed_any_more(
    redis_server: RedisServer, redis_adapter: Adapter
) -> None:
    """C13: what is removed is gone, handled by that run; what stays may be claimed by any run."""
    source = redis_server.stream("dlq", 3)
    async with open_lease(redis_adapter, source, "anna", "a" * 32) as (first, lease, letters):
        assert await first.claim(letters) == [FREE] * 3
        assert 0 < redis_server.client.ttl(claims_key_of(redis_server, source)) <= TTL_S
        await lease.settle(letters[:1])
        await lease.release(letters[1:2])
        async with open_lease(redis_adapter, source, "bert") as (second, _, _):
            told = await second.claim(letters)
    handled, kept, held = told
    assert handled.refused is not None
    assert handled.refused.reason.startswith("handled by run AAAA of anna on ")
    assert kept == FREE
    assert held.refused is not None
    assert held.refused.reason.startswith("claimed by run AAAA of anna on ")
    assert redis_server.client.hlen(claims_key_of(redis_server, source)) == 2, "the letters that nobody settled"


async def test_claims_of_a_dead_run_are_taken_over_and_it_is_named(
    redis_server: RedisServer, redis_adapter: Adapter
) -> None:
    """C13: a claim counts by the server's clock; the run that takes over is told which run may have stored it."""
    source = redis_server.stream("dlq", 2)
    async with (
        open_lease(redis_adapter, source, "anna", "a" * 32) as (dying, _, letters),
        open_lease(redis_adapter, source, "bert") as (second, _, _),
    ):
        await dying.claim(letters)
        redis_server.client.hset(
            claims_key_of(redis_server, source), "@" + "a" * 32, "1700000000000 anna on her machine"
        )
        assert await second.claim(letters) == [LetterClaim(doubt="run AAAA of anna on her machine")] * 2
        assert [one.refused is None for one in await dying.claim(letters)] == [False, False]


async def test_a_resumed_run_keeps_its_own_claims(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """C8: a killed run never blocks its own resume; its journal, not the claim, names its suspects."""
    source = redis_server.stream("dlq", 2)
    redis_server.client.hset(claims_key_of(redis_server, source), "@" + "a" * 32, "9900000000000 anna on her machine")
    for entry, _ in redis_server.rows(source):
        redis_server.client.hset(claims_key_of(redis_server, source), entry, "a" * 32)
    async with open_lease(redis_adapter, source, "bert") as (other, _, letters):
        assert [one.refused is None for one in await other.claim(letters)] == [False, False]
    async with open_lease(redis_adapter, source, "anna", "a" * 32) as (same, _, letters):
        assert await same.claim(letters) == [FREE] * 2


async def test_a_waiting_run_renews_its_heartbeat(
    redis_server: RedisServer, redis_adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C13: a slow target or a pause loses no claim."""
    monkeypatch.setattr(cross_broker_claims, "HEARTBEAT_TTL_MS", 1_500)
    monkeypatch.setattr(cross_broker_claims, "HEARTBEAT_SECONDS", 0.3)
    source = redis_server.stream("dlq", 1)
    async with (
        open_lease(redis_adapter, source, "anna") as (first, _, letters),
        open_lease(redis_adapter, source, "bert") as (second, _, _),
    ):
        await first.claim(letters)
        await asyncio.sleep(2.5)
        assert (await second.claim(letters))[0].refused is not None


async def test_letters_of_a_full_redis_are_claimed(brokers: Brokers) -> None:
    """D9: claims work above maxmemory, since the letters are about to leave."""
    with own_server(brokers) as (_, server):
        source, adapter = server.stream("dlq", 2), server.adapter()
        server.client.config_set("maxmemory", "1")
        async with open_lease(adapter, source, "anna") as (first, lease, letters):
            assert await first.claim(letters) == [FREE] * 2
            assert [one.state for one in await lease.settle(letters)] == [PublishStatus.STORED] * 2
        await adapter.close()
        assert server.rows(source) == []


async def test_without_the_right_to_claim_the_plan_says_so(redis_server: RedisServer) -> None:
    """C32: at least once, which the plan says; letters that are gone are still recognised."""
    source = redis_server.stream("dlq", 2)
    for more, words in (("+acl|dryrun +acl|whoami ", "Not allowed to run HSET"), ("", "is not known")):
        async with user_with_rights(redis_server, f"~* {RIGHTS} {more}-hset") as adapter:
            assert any(words in text for text in await claim_risks(adapter, source))
            async with open_lease(adapter, source, "anna") as (lease, _, letters):
                assert await lease.claim(letters) == [FREE] * len(letters)
    async with user_with_rights(redis_server, f"~* {RIGHTS} +acl|dryrun +acl|whoami") as adapter:
        assert await claim_risks(adapter, source) == []


async def claim_risks(adapter: Adapter, source: Ref) -> Sequence[str]:
    found = await adapter.broker.snapshot(source)
    plan = a_plan(adapter, Verb.REDRIVE, Take(found, Selection()), Remove(found.count), count=found.count)
    return [risk.text for risk in (await adapter.broker.check_plan(found, plan)).risks if risk.name == "no-claim"]


async def test_within_a_redis_what_another_run_moved_is_named(
    redis_server: RedisServer, redis_adapter: Adapter
) -> None:
    """C13: two runs on one stream: each reports which run handled the others, and what somebody else removed."""
    source, target = redis_server.stream("dlq", 6), redis_server.stream("home")
    first = Move(redis_adapter, source, target, run="a" * 32, operator="anna")
    second = Move(redis_adapter, source, target, run="b" * 32, operator="bert")
    async with first.lease() as one, second.lease() as two:
        letters = [letter async for batch in two.batches(10) for letter in batch]
        await one.move(first.transfers(letters[:3]))
        redis_server.call("XDEL", source.name, str(letters[3].position))
        receipts = await two.move(second.transfers(letters))
    assert [receipt.state for receipt in receipts] == [PublishStatus.GONE] * 4 + [PublishStatus.STORED] * 2
    assert {receipt.reason.partition(" on ")[0] for receipt in receipts[:3]} == {"handled by run AAAA of anna"}
    assert receipts[3].reason == "not in the source any more"
    assert redis_server.numbers(target) == [0, 1, 2, 4, 5]
