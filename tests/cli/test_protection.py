"""What a profile protects is protected however its broker is addressed (C17)."""

from __future__ import annotations

import os
import signal
from urllib.parse import urlsplit

import pytest
import redis as client

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, add_profile, wait_until
from tests.cli.command_line import Mqtui
from tests.cli.port_forward import forward_port
from tests.cli.test_policy import GROUP, writes

CONFIRM = "--confirm prod"


def addressed(broker: BrokerFixture, host: str, port: int) -> str:
    """The broker's URL with another host and port."""
    parts = urlsplit(broker.url)
    login, at, _ = parts.netloc.rpartition("@")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{login}{at}{host}:{port}{parts.path}{query}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_url_of_a_protected_broker_wants_the_profiles_name(mqtui: Mqtui, broker: BrokerFixture, host: str) -> None:
    dlq, origin = broker.create_pair(2)
    add_profile(mqtui, broker, "prod", "--protected", "--environment", "prod")
    url = addressed(broker, host, broker.port)
    mqtui("redrive", url, dlq.name, "--yes").fails(4, "prod is protected", CONFIRM)
    mqtui("publish", url, origin.name, "--value", "x", "--yes").fails(4, "prod is protected", CONFIRM)
    assert broker.numbers(origin) == []
    if host == "localhost":
        done = mqtui("redrive", url, dlq.name, "--confirm", "prod", "--json").ok().rows()
        assert done[-1]["moved"] == 2
        assert broker.numbers(origin) == [0, 1]


def test_a_url_of_a_read_only_broker_changes_nothing(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(2)
    if broker.redis:
        broker.world.strand(dlq, GROUP, "dead", 2)  # type: ignore[union-attr]  # only a world of Redis has it
    add_profile(mqtui, broker, "looking", "--read-only")
    before = broker.world.fingerprint()
    for words in writes(broker, dlq.name, origin.name):
        called = [word.replace("{}", broker.url) for word in words]
        mqtui(*called, "--yes", "--confirm", "looking").fails(4, "the profile looking is read-only")
    assert broker.world.fingerprint() == before


def test_a_denied_verb_is_denied_under_another_profile_too(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, origin = redis.create_pair(1)
    add_profile(mqtui, redis, "careful", options=[("deny", "publish")])
    add_profile(mqtui, redis, "mine")
    mqtui("publish", "mine", origin.name, "--value", "x", "--yes").fails(4, "careful denies publish")
    assert mqtui("redrive", "mine", dlq.name, "--yes", "--json").ok().rows()[-1]["moved"] == 1


def test_the_strictest_of_several_profiles_holds(mqtui: Mqtui, redis: BrokerFixture) -> None:
    _, origin = redis.create_pair(1)
    add_profile(mqtui, redis, "mine", "--protected")
    add_profile(mqtui, redis, "prod", "--protected", options=[("deny", "discard")])
    mqtui("publish", "mine", origin.name, "--value", "x", "--confirm", "prod").fails(4, "mine is protected")
    mqtui("publish", "mine", origin.name, "--value", "x", "--confirm", "mine").ok()
    add_profile(mqtui, redis, "closed", "--read-only")
    mqtui("publish", "mine", origin.name, "--value", "x", "--confirm", "mine").fails(4, "closed is read-only")


def test_a_broker_met_before_is_known_by_its_name(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(1)
    with forward_port(broker.port) as port:
        url = addressed(broker, "127.0.0.1", port)
        add_profile(mqtui, broker, "prod", "--protected")
        mqtui("ls", "prod", "--json").ok()
        mqtui("redrive", url, dlq.name, "--yes").fails(4, "prod is protected", CONFIRM)
        mqtui("publish", url, origin.name, "--value", "x", "--yes").fails(4, "prod is protected", CONFIRM)
        assert broker.numbers(origin) == []
        plan = mqtui("redrive", url, dlq.name, "--dry-run", "--json").ok().rows()[0]["plan"]
        assert plan["profile"] == "prod"
        assert mqtui("redrive", url, dlq.name, "--confirm", "prod", "--json").ok().rows()[-1]["moved"] == 1


def test_another_database_of_the_server_is_another_broker(mqtui: Mqtui, redis: BrokerFixture) -> None:
    add_profile(mqtui, redis, "prod", "--protected")
    mqtui("ls", "prod").ok()
    other = redis.url.removesuffix("/0") + "/7"
    with client.Redis.from_url(other) as seventh:
        name = redis.world.name("new")
        seventh.xadd(name, {"value": "x"})
        mqtui("publish", other, name, "--value", "x", "--yes").ok()
        assert seventh.xlen(name) == 2
        seventh.delete(name)


def test_while_the_profiles_cant_be_read_a_url_is_only_looked_at(mqtui: Mqtui, redis: BrokerFixture) -> None:
    _, origin = redis.create_pair(1)
    (mqtui.folder / "config").mkdir()
    (mqtui.folder / "config" / "profiles.toml").write_text("[[profile]]\nname = 7\n")
    mqtui("ls", redis.url).ok()
    refused = mqtui("publish", redis.url, origin.name, "--value", "x", "--yes")
    refused.fails(4, "the profiles can't be read", "Correct profiles.toml first")
    assert redis.numbers(origin) == []


def test_an_unfinished_run_keeps_its_protection(mqtui: Mqtui, redis: BrokerFixture) -> None:
    """The profile is removed and made again without protection; the run still asks for its name."""
    dlq, origin = redis.create_pair(100)
    add_profile(mqtui, redis, "prod", "--protected")
    run = mqtui.start("redrive", "prod", dlq.name, "--confirm", "prod", "--rate", "20", "--json")
    wait_until(lambda: redis.world.depth(origin) > 3)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    removed = mqtui("profile", "remove", "prod", "--confirm", "prod").ok()
    assert "1 unfinished run began with it" in removed.err
    add_profile(mqtui, redis, "prod")
    (told,) = mqtui("runs", "list", "--json").ok().rows()
    before = redis.world.depth(origin)
    mqtui("runs", "resume", "--yes").fails(4, "the profile is protected")
    mqtui("runs", "resume", told["short"], "--yes").fails(4, "prod is protected", CONFIRM)
    mqtui("runs", "putback", told["short"], "--yes").fails(4, "prod is protected", CONFIRM)
    assert redis.world.depth(origin) == before
    mqtui("runs", "resume", told["short"], "--confirm", "prod").ok()
    assert redis.world.depth(origin) == 100


def test_a_run_of_a_url_that_a_protected_profile_names_by_now(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, origin = redis.create_pair(400)
    run = mqtui.start("redrive", redis.url, dlq.name, "--yes", "--rate", "20", "--json")
    wait_until(lambda: redis.world.depth(origin) > 3)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    add_profile(mqtui, redis, "prod", "--protected")
    (told,) = mqtui("runs", "list", "--json").ok().rows()
    mqtui("runs", "resume", "--yes").fails(4, "the profile is protected")
    mqtui("runs", "resume", told["short"], "--yes").fails(4, "prod is protected", CONFIRM)


def test_adding_a_broker_to_a_profile_keeps_what_was_asked_for(
    mqtui: Mqtui, kafka: BrokerFixture, redis: BrokerFixture
) -> None:
    add_profile(mqtui, kafka, "shop")
    row = add_profile(mqtui, redis, "shop", "--read-only", "--environment", "prod", options=[("deny", "publish")])
    assert (row["mode"], row["environment"], row["deny"]) == ("read-only", "prod", ["publish"])
    assert set(row["brokers"]) == {BrokerKind.KAFKA, BrokerKind.REDIS}
    mqtui("publish", "shop/redis", redis.world.create().name, "--value", "x", "--yes").fails(4, "denies publish")


def test_adding_a_broker_to_a_profile_never_weakens_it(
    mqtui: Mqtui, kafka: BrokerFixture, redis: BrokerFixture
) -> None:
    row = add_profile(mqtui, kafka, "shop", "--read-only", "--protected", "--environment", "prod")
    mqtui("profile", "add", "shop", redis.url, "-o", "allow=publish").fails(4, "allow = publish")
    assert mqtui("profile", "show", "shop", "--json").ok().rows() == [row]
    mqtui("profile", "add", "shop", redis.url, "--environment", "dev").fails(4, "environment = dev", "--replace")
    joined = add_profile(mqtui, redis, "shop")
    assert (joined["mode"], joined["environment"]) == ("read-only", "prod")
