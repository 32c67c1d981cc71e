"""`mqtui pending`, `claim` and `ack`: a dead consumer's entries go to a living one."""

from __future__ import annotations

from typing import Any

from redis import Redis

from tests.cli.driver import Mqtui
from tests.cli.grounds import CountingRedis, Ground

GROUP = "workers"


def stranded(redis: Ground, count: int) -> str:
    """A stream whose consumer died with so many entries in hand three hours ago."""
    assert isinstance(redis.world, CountingRedis)
    ref = redis.world.create("jobs")
    redis.world.put(ref, [redis.dead(number, ref) for number in range(count)])
    redis.world.strand(ref, GROUP, "dead", count)
    with Redis.from_url(redis.url) as client:
        ids: Any = [entry for entry, _ in redis.world.pending(ref, GROUP)]
        client.xclaim(ref.name, GROUP, "dead", 0, ids, idle=3 * 3_600_000, justid=True)
    return ref.name


def owners(redis: Ground, name: str) -> list[str]:
    """The consumer of each pending entry, by id."""
    assert isinstance(redis.world, CountingRedis)
    return [consumer for _, consumer in redis.world.pending(redis.world.ref(name), GROUP)]


def test_claim_what_a_dead_consumer_holds(mqtui: Mqtui, redis: Ground) -> None:
    name = stranded(redis, 4)
    rows = mqtui("pending", redis.url, name, GROUP, "--min-idle", "2h", "--json").ok().rows()
    assert [row["consumer"] for row in rows] == ["dead"] * 4
    words = ("claim", redis.url, name, GROUP, "--to", "alive", "--min-idle", "2h")
    mqtui(*words, "--yes").refused(2, "--all")
    plan = mqtui(*words, "--all", "--dry-run", "--json").ok().rows()[0]["plan"]
    assert plan["steps"][0]["ids"] == [row["id"] for row in rows]
    mqtui(*words, "--all").refused(4, "--yes")
    assert owners(redis, name) == ["dead"] * 4
    one = mqtui(*words, rows[1]["id"], "--yes", "--json").ok().rows()[-1]
    assert (one["verb"], one["asked"], one["done"]) == ("claim", 1, 1)
    assert owners(redis, name) == ["dead", "alive", "dead", "dead"]
    assert "3 of 3" in mqtui(*words, "--all", "--yes").ok().text
    assert owners(redis, name) == ["alive"] * 4
    after = mqtui("pending", redis.url, name, GROUP, "--json").ok().rows()
    assert [row["deliveries"] for row in after] == [row["deliveries"] for row in rows]
    mqtui(*words, "--all", "--yes").refused(1, "Nothing pending")
    mqtui(*words, rows[0]["id"], "--yes").refused(1, rows[0]["id"])


def test_acknowledge(mqtui: Mqtui, redis: Ground) -> None:
    name = stranded(redis, 3)
    first = mqtui("pending", redis.url, name, GROUP, "--json").ok().rows()[0]["id"]
    assert "1 of 1" in mqtui("ack", redis.url, name, GROUP, first, "--yes").ok().text
    mqtui("ack", redis.url, name, GROUP, first, "--yes").refused(1, first)
    mqtui("ack", redis.url, name, "nobody", first, "--yes").refused(1, "nobody")
    done = mqtui("ack", redis.url, name, GROUP, "--all", "--yes", "--json").ok().rows()[-1]
    assert (done["asked"], done["done"]) == (2, 2)
    assert owners(redis, name) == []
    assert len(redis.world.contents(redis.world.ref(name))) == 3
