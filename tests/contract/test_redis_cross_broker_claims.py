"""C13: letters that go to another broker are claimed one by one, so that two runs do not both store them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
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
from tests.contract.redis_stage import Stage, own_server
from tests.contract.test_redis_scripts import RIGHTS, limited

FREE = LetterClaim()


@pytest.fixture
def stage(redis_url: str) -> Iterator[Stage]:
    made = Stage(redis_url)
    yield made
    made.close()


@pytest.fixture
async def adapter(stage: Stage) -> AsyncIterator[Adapter]:
    made = stage.adapter()
    yield made
    await made.close()


@asynccontextmanager
async def taking(
    adapter: Adapter, source: Ref, operator: str, run: str = ""
) -> AsyncIterator[tuple[ClaimsLetters, Lease, list[Message]]]:
    """A lease for letters that go to another broker, with all of them."""
    move = Move(adapter, source, source, run=run or uuid.uuid4().hex, operator=operator, removes=True)
    async with move.lease() as lease:
        assert isinstance(lease, ClaimsLetters)
        yield lease, lease, [letter async for batch in lease.batches(2000) for letter in batch]


def table(stage: Stage, source: Ref) -> bytes:
    return claims_key(stage.prefix, source.name.encode())


async def test_each_letter_is_claimed_by_one_run(stage: Stage, adapter: Adapter) -> None:
    """C32: two operators at the same instant, 3,000 letters: each may store what the other has not claimed."""
    source = stage.stream("dlq", 3_000)
    granted: list[list[Message]] = [[], []]
    both = asyncio.Barrier(2)

    async def run(number: int) -> None:
        other = stage.adapter()
        async with taking(other, source, f"op{number}") as (lease, _, letters):
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


async def test_settled_and_kept_letters_are_claimed_no_more(stage: Stage, adapter: Adapter) -> None:
    """C13: what is removed is gone, handled by that run; what stays is anybody's."""
    source = stage.stream("dlq", 3)
    async with taking(adapter, source, "anna", "a" * 32) as (first, lease, letters):
        assert await first.claim(letters) == [FREE] * 3
        assert 0 < stage.client.ttl(table(stage, source)) <= TTL_S
        await lease.settle(letters[:1])
        await lease.release(letters[1:2])
        async with taking(adapter, source, "bert") as (second, _, _):
            told = await second.claim(letters)
    handled, kept, held = told
    assert handled.refused is not None
    assert handled.refused.reason.startswith("handled by run AAAA of anna on ")
    assert kept == FREE
    assert held.refused is not None
    assert held.refused.reason.startswith("claimed by run AAAA of anna on ")
    assert stage.client.hlen(table(stage, source)) == 2, "the letters that nobody settled"


async def test_a_run_that_is_gone_is_taken_over_and_named(stage: Stage, adapter: Adapter) -> None:
    """C13: a claim counts by the server's clock; whoever takes it over is told who may have stored the letter."""
    source = stage.stream("dlq", 2)
    async with (
        taking(adapter, source, "anna", "a" * 32) as (dying, _, letters),
        taking(adapter, source, "bert") as (second, _, _),
    ):
        await dying.claim(letters)
        stage.client.hset(table(stage, source), "@" + "a" * 32, "1700000000000 anna on her machine")
        assert await second.claim(letters) == [LetterClaim(doubt="run AAAA of anna on her machine")] * 2
        assert [one.refused is None for one in await dying.claim(letters)] == [False, False]


async def test_the_same_run_goes_on_with_its_own_claims(stage: Stage, adapter: Adapter) -> None:
    """C8: a killed run never stands in its own way; its journal, not the claim, names its suspects."""
    source = stage.stream("dlq", 2)
    stage.client.hset(table(stage, source), "@" + "a" * 32, "9900000000000 anna on her machine")
    for entry, _ in stage.rows(source):
        stage.client.hset(table(stage, source), entry, "a" * 32)
    async with taking(adapter, source, "bert") as (other, _, letters):
        assert [one.refused is None for one in await other.claim(letters)] == [False, False]
    async with taking(adapter, source, "anna", "a" * 32) as (same, _, letters):
        assert await same.claim(letters) == [FREE] * 2


async def test_a_run_renews_its_word_while_it_waits(
    stage: Stage, adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C13: a slow target or a pause loses no claim."""
    monkeypatch.setattr(cross_broker_claims, "HEARTBEAT_TTL_MS", 1_500)
    monkeypatch.setattr(cross_broker_claims, "HEARTBEAT_SECONDS", 0.3)
    source = stage.stream("dlq", 1)
    async with (
        taking(adapter, source, "anna") as (first, _, letters),
        taking(adapter, source, "bert") as (second, _, _),
    ):
        await first.claim(letters)
        await asyncio.sleep(2.5)
        assert (await second.claim(letters))[0].refused is not None


async def test_a_full_source_still_claims(brokers: Brokers) -> None:
    """D9: what leaves a full Redis is claimed as elsewhere."""
    with own_server(brokers) as (_, stage):
        source, adapter = stage.stream("dlq", 2), stage.adapter()
        stage.client.config_set("maxmemory", "1")
        async with taking(adapter, source, "anna") as (first, lease, letters):
            assert await first.claim(letters) == [FREE] * 2
            assert [one.state for one in await lease.settle(letters)] == [PublishStatus.STORED] * 2
        await adapter.close()
        assert stage.rows(source) == []


async def test_without_the_right_to_claim_the_plan_says_so(stage: Stage) -> None:
    """C32: at least once, said before; letters that are gone are still told apart."""
    source = stage.stream("dlq", 2)
    for more, words in (("+acl|dryrun +acl|whoami ", "Not allowed to run HSET"), ("", "is not known")):
        async with limited(stage, f"~* {RIGHTS} {more}-hset") as adapter:
            assert any(words in text for text in await claim_risks(adapter, source))
            async with taking(adapter, source, "anna") as (lease, _, letters):
                assert await lease.claim(letters) == [FREE] * len(letters)
    async with limited(stage, f"~* {RIGHTS} +acl|dryrun +acl|whoami") as adapter:
        assert await claim_risks(adapter, source) == []


async def claim_risks(adapter: Adapter, source: Ref) -> Sequence[str]:
    found = await adapter.broker.snapshot(source)
    plan = a_plan(adapter, Verb.REDRIVE, Take(found, Selection()), Remove(found.count), count=found.count)
    return [risk.text for risk in (await adapter.broker.check_plan(found, plan)).risks if risk.name == "no-claim"]


async def test_within_a_redis_what_another_run_moved_is_named(stage: Stage, adapter: Adapter) -> None:
    """C13: two runs on one stream: each tells by whom the others were handled, and what a stranger removed."""
    source, target = stage.stream("dlq", 6), stage.stream("home")
    first = Move(adapter, source, target, run="a" * 32, operator="anna")
    second = Move(adapter, source, target, run="b" * 32, operator="bert")
    async with first.lease() as one, second.lease() as two:
        letters = [letter async for batch in two.batches(10) for letter in batch]
        await one.move(first.transfers(letters[:3]))
        stage.call("XDEL", source.name, str(letters[3].position))
        receipts = await two.move(second.transfers(letters))
    assert [receipt.state for receipt in receipts] == [PublishStatus.GONE] * 4 + [PublishStatus.STORED] * 2
    assert {receipt.reason.partition(" on ")[0] for receipt in receipts[:3]} == {"handled by run AAAA of anna"}
    assert receipts[3].reason == "not in the source any more"
    assert stage.numbers(target) == [0, 1, 2, 4, 5]
