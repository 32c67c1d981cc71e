"""A profile that is there never gets weaker by an accident (C84, C17)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mqtui.domain.policy import Environment
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.add_broker import ProfileSettings, list_weakenings
from mqtui.profiles.model import BrokerEndpoint, Profile
from tests.cli.command_line import Mqtui


@pytest.fixture
def mqtui(tmp_path: Path) -> Mqtui:
    """Mqtui on a machine without a keyring."""
    return Mqtui(tmp_path, "")


STRONG = ("--environment", "prod", "--read-only", "--protected")
THERE = Profile("p", {BrokerKind.KAFKA: BrokerEndpoint("kafka://h")}, Environment.PROD, True, True)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (ProfileSettings(environment=Environment.DEV), "environment = dev instead of prod"),
        (ProfileSettings(read_only=False), "no longer read-only"),
        (ProfileSettings(protected=False), "no longer protected"),
        (ProfileSettings(allow=frozenset({"publish"})), "allow = publish"),
        (ProfileSettings(prefix="ops"), "prefix = ops instead of mqtui"),
    ],
)
def test_what_allows_more_is_named(asked: ProfileSettings, word: str) -> None:
    assert list_weakenings(THERE, asked) == [word]
    assert list_weakenings(THERE, ProfileSettings(Environment.PROD, True, True, deny=frozenset({"publish"}))) == []


def test_a_weaker_setting_needs_replace(mqtui: Mqtui) -> None:
    (before,) = mqtui("profile", "add", "p", "kafka://h", *STRONG, "--json").ok().rows()
    flags = ("--environment", "dev", "--no-protected", "-o", "allow=publish")
    refused = mqtui("profile", "add", "p", "redis://h", *flags).fails(4, "--replace", "nothing of it was changed")
    assert "environment = dev" in refused.err and "no longer protected; allow = publish" in refused.err
    assert mqtui("profile", "show", "p", "--json").ok().rows() == [before]
    replaced = mqtui("profile", "add", "p", "redis://h", *flags, "--replace", "--json").ok()
    assert set(replaced.rows()[0]["brokers"]) == {"kafka", "redis"} and "all of p: protected = no" in replaced.err


def test_what_was_not_asked_for_stays(mqtui: Mqtui) -> None:
    mqtui("profile", "add", "p", "kafka://h", *STRONG).ok()
    (row,) = mqtui("profile", "add", "p", "redis://h", "--json").ok().rows()
    assert (row["mode"], row["environment"]) == ("read-only", "prod")
    (row,) = mqtui("profile", "add", "p", "redis://h2", "--replace", "--json").ok().rows()
    assert (row["mode"], row["environment"], row["brokers"]["redis"]["url"]) == ("read-only", "prod", "redis://h2:6379")


def test_a_stricter_setting_holds_for_all_brokers_and_is_reported(mqtui: Mqtui) -> None:
    mqtui("profile", "add", "p", "kafka://h").ok()
    added = mqtui("profile", "add", "p", "redis://h", "--read-only", "-o", "deny=publish", "--json").ok()
    assert "all of p: read_only = yes" in added.err and "all of p: deny = publish" in added.err
    mqtui("profile", "add", "p", "kafka://other").fails(4, "has a kafka already", "--replace")


def test_another_brokers_password_stays_where_it_is(mqtui: Mqtui) -> None:
    mqtui("profile", "add", "p", "kafka://u@h", "-o", "secret=env:KAFKA_WORD").ok()
    (row,) = mqtui("profile", "add", "p", "redis://u@h", "-o", "secret=env:REDIS_WORD", "--json").ok().rows()
    assert row["secret"] == "the environment variable KAFKA_WORD"
    assert row["brokers"]["redis"]["secrets"] == {"password": "the environment variable REDIS_WORD"}
