"""`mqtui pending`, `claim` and `ack`: a dead consumer's entries go to a living one."""

from __future__ import annotations

from typing import Any

from redis import Redis

from tests.cli.broker_fixtures import BrokerFixture, RedisDeadLetters
from tests.cli.command_line import CommandResult, Mqtui

GROUP = "workers"


def stranded(redis: BrokerFixture, count: int) -> str:
    """A stream whose consumer died with so many entries in hand three hours ago."""
    assert isinstance(redis.world, RedisDeadLetters)
    ref = redis.world.create("jobs")
    redis.world.put(ref, [redis.dead_letter(number, ref) for number in range(count)])
    redis.world.strand(ref, GROUP, "dead", count)
    with Redis.from_url(redis.url) as client:
        ids: Any = [entry for entry, _ in redis.world.pending(ref, GROUP)]
        client.xclaim(ref.name, GROUP, "dead", 0, ids, idle=3 * 3_600_000, justid=True)
    return ref.name


def owners(redis: BrokerFixture, name: str) -> list[str]:
    """The consumer of each pending entry, by id."""
    assert isinstance(redis.world, RedisDeadLetters)
    return [consumer for _, consumer in redis.world.pending(redis.world.ref(name), GROUP)]


def test_claim_what_a_dead_consumer_holds(mqtui: Mqtui, redis: BrokerFixture) -> None:
    name = stranded(redis, 4)
    rows = mqtui("pending", redis.url, name, GROUP, "--min-idle", "2h", "--json").ok().rows()
    assert [row["consumer"] for row in rows] == ["dead"] * 4
    words = ("claim", redis.url, name, GROUP, "--to", "alive", "--min-idle", "2h")
    mqtui(*words, "--yes").fails(2, "--all")
    plan = mqtui(*words, "--all", "--dry-run", "--json").ok().rows()[0]["plan"]
    assert plan["steps"][0]["ids"] == [row["id"] for row in rows]
    mqtui(*words, "--all").fails(4, "--yes")
    assert owners(redis, name) == ["dead"] * 4
    one = mqtui(*words, rows[1]["id"], "--yes", "--json").ok().rows()[-1]
    assert (one["verb"], one["asked"], one["done"]) == ("claim", 1, 1)
    assert owners(redis, name) == ["dead", "alive", "dead", "dead"]
    assert "3 of 3" in mqtui(*words, "--all", "--yes").ok().text
    assert owners(redis, name) == ["alive"] * 4
    after = mqtui("pending", redis.url, name, GROUP, "--json").ok().rows()
    assert [row["deliveries"] for row in after] == [row["deliveries"] for row in rows]
    mqtui(*words, "--all", "--yes").fails(1, "Nothing pending")
    mqtui(*words, rows[0]["id"], "--yes").fails(1, rows[0]["id"])


def test_acknowledge(mqtui: Mqtui, redis: BrokerFixture) -> None:
    name = stranded(redis, 3)
    first = mqtui("pending", redis.url, name, GROUP, "--json").ok().rows()[0]["id"]
    assert "1 of 1" in mqtui("ack", redis.url, name, GROUP, first, "--yes").ok().text
    mqtui("ack", redis.url, name, GROUP, first, "--yes").fails(1, first)
    mqtui("ack", redis.url, name, "nobody", first, "--yes").fails(1, "nobody")
    done = mqtui("ack", redis.url, name, GROUP, "--all", "--yes", "--json").ok().rows()[-1]
    assert (done["asked"], done["done"]) == (2, 2)
    assert owners(redis, name) == []
    assert len(redis.world.contents(redis.world.ref(name))) == 3


def told(done: CommandResult) -> str:
    """The plan as a person reads it."""
    return done.ok().text


def test_c79_a_plan_tells_a_typo_and_whose_entries_are_taken(mqtui: Mqtui, redis: BrokerFixture) -> None:
    """C79: a consumer that does not exist, idle that starts at 0, everybody's entries: in the plan."""
    name = stranded(redis, 4)
    with Redis.from_url(redis.url) as client:
        client.xgroup_createconsumer(name, GROUP, "w1")
        ids = [entry for entry, _ in redis_pending(redis, name)]
        client.xclaim(name, GROUP, "busy", 0, ids[:1], idle=3 * 3_600_000, justid=True)
    words = ("claim", redis.url, name, GROUP, "--min-idle", "1h", "--dry-run")
    plan = told(mqtui(*words, "--to", "w1 ", "--all"))
    assert "new-consumer: consumer 'w1 ' of workers does not exist: it will be created" in plan
    assert "everybody: they are taken from 2 consumers" in plan
    assert "busy 1, dead 3 in group workers" in plan
    assert "idle       starts at 0 again" in plan
    plan = told(mqtui(*words, "--to", "w1", "--all", "--consumer", "dead"))
    assert "new-consumer" not in plan
    assert "everybody" not in plan
    assert "dead in group workers" in plan
    assert "2 of 2" in told(mqtui("ack", redis.url, name, GROUP, *ids[1:3], "--consumer", "dead", "--yes"))
    done = mqtui(
        "claim", redis.url, name, GROUP, "--min-idle", "1h", "--to", "w1", "--all", "--consumer", "dead", "--yes"
    )
    assert "1 of 1" in told(done)
    assert owners(redis, name) == ["busy", "w1"]


def redis_pending(redis: BrokerFixture, name: str) -> list[tuple[str, str]]:
    assert isinstance(redis.world, RedisDeadLetters)
    return [(str(entry), consumer) for entry, consumer in redis.world.pending(redis.world.ref(name), GROUP)]


def test_c80_entries_that_are_gone_are_counted_apart(mqtui: Mqtui, redis: BrokerFixture) -> None:
    """C80: trimmed and deleted entries are pending all the same; they are acknowledged, never claimed."""
    name = stranded(redis, 4)
    ids = [entry for entry, _ in redis_pending(redis, name)]
    with Redis.from_url(redis.url) as client:
        client.xdel(name, ids[1])
        client.xtrim(name, maxlen=2, approximate=False)
    there = ids[2:]
    words = ("claim", redis.url, name, GROUP, "--to", "w1", "--min-idle", "1h", "--all")
    plan = told(mqtui(*words, "--dry-run"))
    assert "2 to do" in plan
    assert "2, and 2 are gone from the stream: acknowledge them" in plan
    assert mqtui(*words, "--dry-run", "--json").ok().rows()[0]["plan"]["steps"][0]["ids"] == there
    acking = told(mqtui("ack", redis.url, name, GROUP, "--all", "--dry-run"))
    assert "2 stay in the stream, 2 are gone from it already" in acking
    assert "2 of 2" in told(mqtui(*words, "--yes"))
    assert owners(redis, name) == ["dead", "dead", "w1", "w1"]
    mqtui("claim", redis.url, name, GROUP, "--to", "w1", "--min-idle", "0ms", ids[0], "--yes").fails(1, "gone", "ack")
    assert "2 of 2" in told(mqtui("ack", redis.url, name, GROUP, *ids[:2], "--yes"))
    assert [entry for entry, _ in redis_pending(redis, name)] == there


def test_c103_one_id_is_asked_for_alone(mqtui: Mqtui, redis: BrokerFixture) -> None:
    """C103: to acknowledge one of 3,000 entries the list is not read."""
    name = stranded(redis, 3_000)
    entry = redis_pending(redis, name)[-1][0]
    with Redis.from_url(redis.url) as client:
        client.config_resetstat()
        assert "1 of 1" in told(mqtui("ack", redis.url, name, GROUP, entry, "--yes"))
        calls: Any = client.info("commandstats")
        assert calls["cmdstat_xpending"]["calls"] <= 4
