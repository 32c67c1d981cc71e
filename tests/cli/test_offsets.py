"""`mqtui offsets` as scripts call it: plan, preview and result as lines; the way back; deletions by name."""

from __future__ import annotations

from mqtui.domain.resource import Ref
from tests.cli.broker_fixtures import BrokerFixture, RedisDeadLetters, add_profile
from tests.cli.command_line import Mqtui

GROUP = "workers"


def stranded(broker: BrokerFixture) -> Ref:
    """A stream of three, of which a group was given two."""
    dlq, _ = broker.create_pair(3)
    assert isinstance(broker.world, RedisDeadLetters)
    broker.world.strand(dlq, GROUP, "dead", 2)
    return dlq


def test_set_and_put_back(mqtui: Mqtui, redis: BrokerFixture) -> None:
    name = stranded(redis).name
    words = ("offsets", redis.url, GROUP, name, "--to", "oldest", "--json")
    plan, preview = mqtui(*words, "--dry-run").ok().rows()
    assert plan["plan"]["verb"] == "offsets"
    assert (preview["partition"], preview["to"], preview["skips"], preview["reads_again"]) == (0, "0-0", 0, 2)
    mqtui(*words).fails(4, "not confirmed")
    *_, done = mqtui(*words, "--yes").ok().rows()
    assert (done["verb"], done["asked"], done["done"]) == ("offsets", 1, 1)
    (row,) = mqtui("lag", redis.url, f"{name}/{GROUP}", "--words", "--json").ok().rows()
    assert (row["lag"], row["state"], row["broker_state"]) == (3, "stalled", "members")
    assert row["words"].startswith("stalled at 0-0: nothing was committed in at least 3s")
    assert row["lag_seconds"] > 0, "the entry itself was read"
    assert row["eta_seconds"] is None and "does not shrink" in row["why"]
    assert row["parts"][0]["next_message"].startswith("reads 0-1 next: ")
    assert f"offsets {done['run'][:4].upper()}" in mqtui("runs", "show", done["run"]).ok().text
    mqtui("runs", "report", done["run"], "--markdown").ok()
    mqtui("runs", "resume", done["run"], "--dry-run").ok()
    _, back, ended = mqtui("runs", "putback", done["run"], "--yes", "--json").ok().rows()
    assert (back["to"], back["skips"], ended["verb"]) == (preview["from"], 2, "putback")
    (row,) = mqtui("lag", redis.url, f"{name}/{GROUP}", "--json").ok().rows()
    assert (row["lag"], row["state"]) == (1, "unknown") and "one look" in row["words"]
    (nothing, _) = mqtui("runs", "putback", done["run"], "--yes", "--json").ok().rows()
    assert nothing["plan"]["steps"] == []


def test_what_is_deleted_is_named_on_every_profile(mqtui: Mqtui, redis: BrokerFixture) -> None:
    group = f"{stranded(redis).name}/{GROUP}"
    add_profile(mqtui, redis, "prod", "--protected")
    for target in (redis.url, "prod"):
        words = ("offsets", target, group, "--delete")
        mqtui(*words, "--dry-run").ok()
        mqtui(*words, "--dry-run", "--yes").fails(4, "named")
        mqtui(*words, "--yes", "--confirm", "prod").fails(4, "named")
    mqtui("offsets", "prod", group, "--delete", "--confirm", group).ok()
    mqtui("lag", redis.url, group).fails(1, "No consumer group")
    mqtui("offsets", redis.url, group, "--delete", "--confirm", group).fails(1, "no group")
