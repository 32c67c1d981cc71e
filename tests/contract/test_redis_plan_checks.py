"""What a plan on Redis says before anything is moved: keys that expire, targets that nobody reads (C75, C78)."""

from __future__ import annotations

import pytest

from mqtui.brokers.port import Adapter
from mqtui.brokers.redis.redrive import plan_checks
from mqtui.domain.resource import Ref
from tests.contract.asking import Move
from tests.contract.redis_server import RedisServer


async def risk_texts(adapter: Adapter, source: Ref, target: Ref, name: str) -> list[str]:
    _, plan = await Move(adapter, source, target).planned()
    return [risk.text for risk in plan.risks if risk.name == name]


async def test_c75_keys_that_expire(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """C75: the source expires with its letters, the target with what was moved there."""
    source, target = redis_server.stream("dlq", 2), redis_server.stream("home")
    assert await risk_texts(redis_adapter, source, target, "expires") == []
    redis_server.call("EXPIRE", source.name, 58)
    redis_server.call("EXPIRE", target.name, 120)
    before, after = await risk_texts(redis_adapter, source, target, "expires")
    assert before.startswith(f"{target.name} expires in 2 min, and what is moved there")
    assert after.startswith(f"{source.name} expires in 5")


async def test_c78_a_target_that_nobody_reads(
    redis_server: RedisServer, redis_adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C78: no group, a group without consumers, idle consumers; one active consumer is enough."""
    source, target = redis_server.stream("dlq", 2), redis_server.stream("home", 1)
    assert await risk_texts(redis_adapter, source, target, "no-reader") == [f"no group reads {target.name}"]
    redis_server.group(target, "g")
    assert await risk_texts(redis_adapter, source, target, "no-reader") == [
        f"nobody reads {target.name} now: group g: no consumer is known"
    ]
    redis_server.call("XREADGROUP", "GROUP", "g", "w1", "STREAMS", target.name, ">")
    assert await risk_texts(redis_adapter, source, target, "no-reader") == []
    monkeypatch.setattr(plan_checks, "ACTIVE_MS", 0)
    (text,) = await risk_texts(redis_adapter, source, target, "no-reader")
    assert "group g: no consumer was active for " in text


@pytest.mark.parametrize(
    ("ms", "words"), [(0, "0 s"), (59_000, "59 s"), (120_000, "2 min"), (10_800_000, "3 h"), (172_800_000, "2 d")]
)
def test_a_duration_is_formatted_in_its_largest_unit(ms: int, words: str) -> None:
    assert plan_checks.format_duration(ms) == words
