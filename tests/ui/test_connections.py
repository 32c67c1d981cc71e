"""Connections in the console: the cause of a failure, what the form of a profile keeps, and no secret on a screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from mqtui.domain.policy import Environment
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.ui.app import Console
from tests.cli.broker_fixtures import BrokerFixture, broker_fixture_of
from tests.ui.driver import at_console

SECRET = "hunter2"


@pytest.fixture
def redis(redis_url: str) -> Iterator[BrokerFixture]:
    ground = broker_fixture_of(BrokerKind.REDIS, redis_url)
    yield ground
    ground.world.close()


async def test_the_cause_stands_where_the_list_would(redis: BrokerFixture) -> None:
    url = f"rediss://127.0.0.1:{redis.port}/0?timeout-ms=1000"
    async with at_console(Console((url, ""))) as user:
        await user.sees("does not speak TLS", within=60)
        assert "redis://" in user.screen_text


async def test_no_screen_shows_a_secret_of_a_url(redis: BrokerFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where it is wrong nor where the server takes it, and not in what is copied."""
    redis.world.create("seen")
    copied = list[str]()
    monkeypatch.setattr(Console, "copy", lambda _, text, __: copied.append(text))
    with redis_user(redis) as name:
        for word in (SECRET, f"{SECRET}-wrong"):
            async with at_console(Console((f"redis://{name}:{word}@127.0.0.1:{redis.port}/0", ""))) as user:
                await user.is_at("DestinationsScreen", within=60)
                if word == SECRET:
                    await user.on_some_row("stream", within=60)
                else:
                    await user.sees("refused the user", within=60)
                for keys in (("?",), ("esc",), ("y", "c")):
                    await user.presses(*keys)
                    assert SECRET not in user.screen_text
                assert SECRET not in "".join(copied) + repr(user.console.sessions.broker_sessions) + user.console.target


async def test_saving_a_form_keeps_what_it_does_not_show(redis: BrokerFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options, slots of secrets and both marks stay, and the test uses what is kept."""
    monkeypatch.setenv("REDIS_WORD", SECRET)
    with redis_user(redis) as name:
        endpoint = BrokerEndpoint(
            f"redis://{name}@127.0.0.1:{redis.port}", {"wait-ms": "700"}, {"password": "env:REDIS_WORD"}
        )
        made = Profile("mine", {BrokerKind.REDIS: endpoint}, Environment.PROD, read_only=True, protected=True)
        ProfileStore().add(made)
        async with at_console(Console(("", ""))) as user:
            await user.is_at("HomeScreen").moves_to("mine").presses("E").is_at("ProfileFormScreen")
            await user.presses("ctrl+t").sees("✓ redis", within=60)
            assert SECRET not in user.screen_text
            await user.presses("ctrl+r").is_at("HomeScreen")
    assert ProfileStore().find("mine") == made


async def test_passwords_of_the_environment_are_not_dropped(
    redis: BrokerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile without its password would be useless: it goes to the keyring, or nothing is saved."""
    monkeypatch.setenv("MQTUI_REDIS", f"redis://u:{SECRET}@127.0.0.1:{redis.port}")
    async with at_console(Console(("", ""))) as user:
        await user.is_at("WelcomeScreen").moves_to("Import").presses("enter").is_at("ProfileFormScreen")
        assert SECRET not in user.screen_text
        await user.presses("ctrl+r").reads_in_prompt("keyring", within=60)
        assert SECRET not in user.screen_text
    assert ProfileStore().list_profiles() == []


class redis_user:
    """A user of Redis with every right and a password."""

    def __init__(self, ground: BrokerFixture) -> None:
        self._client: Any = Redis(port=ground.port)
        self._name = f"{ground.world.prefix}u"

    def __enter__(self) -> str:
        self._client.execute_command("ACL", "SETUSER", self._name, "on", f">{SECRET}", "~*", "&*", "+@all")
        return self._name

    def __exit__(self, *how: object) -> None:
        self._client.execute_command("ACL", "DELUSER", self._name)
        self._client.close()
