"""What a plan on Redis says before anything is moved: keys that expire, targets that nobody reads (C75, C78)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from mqtui.brokers.port import Adapter
from mqtui.brokers.redis.redrive import plan_checks
from mqtui.domain.resource import Ref
from tests.contract.asking import Move
from tests.contract.redis_server import RedisServer


@pytest.fixture
def server(redis_url: str) -> Iterator[RedisServer]:
    made = RedisServer(redis_url)
    yield made
    made.close()


@pytest.fixture
async def adapter(server: RedisServer) -> AsyncIterator[Adapter]:
    made = server.adapter()
    yield made
    await made.close()


async def risk_texts(adapter: Adapter, source: Ref, target: Ref, name: str) -> list[str]:
    _, plan = await Move(adapter, source, target).planned()
    return [risk.text for risk in plan.risks if risk.name == name]


async def test_c75_keys_that_expire(server: RedisServer, adapter: Adapter) -> None:
    """C75: the source expires with its letters, the target with what was moved there."""
    source, target = server.stream("dlq", 2), server.stream("home")
    assert await risk_texts(adapter, source, target, "expires") == []
    server.call("EXPIRE", source.name, 58)
    server.call("EXPIRE", target.name, 120)
    before, after = await risk_texts(adapter, source, target, "expires")
    assert before.startswith(f"{target.name} expires in 2 min, and what is moved there")
    assert after.startswith(f"{source.name} expires in 5")


async def test_c78_a_target_that_nobody_reads(
    server: RedisServer, adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C78: no group, a group without consumers, idle consumers; one active consumer is enough."""
    source, target = server.stream("dlq", 2), server.stream("home", 1)
    assert await risk_texts(adapter, source, target, "no-reader") == [f"no group reads {target.name}"]
    server.group(target, "g")
    assert await risk_texts(adapter, source, target, "no-reader") == [
        f"nobody reads {target.name} now: group g: no consumer is known"
    ]
    server.call("XREADGROUP", "GROUP", "g", "w1", "STREAMS", target.name, ">")
    assert await risk_texts(adapter, source, target, "no-reader") == []
    monkeypatch.setattr(plan_checks, "ACTIVE_MS", 0)
    (text,) = await risk_texts(adapter, source, target, "no-reader")
    assert "group g: no consumer was active for " in text


@pytest.mark.parametrize(
    ("ms", "words"), [(0, "0 s"), (59_000, "59 s"), (120_000, "2 min"), (10_800_000, "3 h"), (172_800_000, "2 d")]
)
def test_a_duration_is_formatted_in_its_largest_unit(ms: int, words: str) -> None:
    assert plan_checks.format_duration(ms) == words
