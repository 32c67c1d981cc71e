"""C7 on Redis: streams, groups, pending entries with their times, and every other key are the same after the walk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.ui.app import Console
from tests.brokers import Brokers
from tests.cli.broker_fixtures import BrokerFixture, RedisDeadLetters
from tests.cli.command_line import Mqtui
from tests.ui.conftest import KEY
from tests.ui.driver import at_console
from tests.ui.read_only_keys import ScreenCase, after, briefly_named, by_keys, plans_and_records, walk

TOLD = "return redis.call('XINFO', 'STREAM', KEYS[1], 'FULL', 'COUNT', 0)"
"""Pending entries with the time and the count of their delivery, consumers with the times they were seen."""

RANGE = "return redis.call('XRANGE', KEYS[1], '-', '+')"


@pytest.fixture(scope="module")
def own_url(brokers: Brokers) -> Iterator[str]:
    """A broker that nobody else writes to: what it holds is compared after every key."""
    yield brokers.servers.start_redis("keys")
    brokers.servers.discard("keys")


@pytest.fixture
def ground(own_url: str) -> Iterator[BrokerFixture]:
    with briefly_named(BrokerKind.REDIS, own_url) as made:
        yield made


def held(client: redis.Redis) -> object:
    """Everything the server holds, and how often anything was changed in it."""
    call: Any = client.execute_command
    found = {}
    for name in sorted(client.scan_iter(count=1000)):
        stream = client.type(name) == b"stream"
        content = (client.eval(TOLD, 1, name), client.eval(RANGE, 1, name)) if stream else client.dump(name)
        found[name] = (content, call("PEXPIRETIME", name))
    return call("INFO", "persistence")["rdb_changes_since_last_save"], found


@pytest.mark.timeout(900)
async def test_the_small_letter_walk(ground: BrokerFixture, folders: Any) -> None:
    dlq, origin = ground.create_pair(5)
    ground.world.put(origin, [ground.world.letter(number) for number in range(9)])
    assert isinstance(ground.world, RedisDeadLetters)
    ground.world.strand(origin, "settle", "worker-7", 4)
    ran = Mqtui(folders, KEY)("redrive", ground.url, dlq.name, "--limit", "1", "--yes")
    assert ran.code == 0, ran.err
    ProfileStore().add(Profile("walk", {BrokerKind.REDIS: BrokerEndpoint(ground.url)}))
    dead, stream = (
        by_keys("enter", "3", sees=dlq.name),
        by_keys("enter", "enter", onto=origin.name, sees="letter 000008"),
    )
    letters = by_keys("enter", "3", "enter", onto=dlq.name, sees="no amount")
    pending = after(by_keys("enter", "2", sees="1 member"), "enter", sees="4, all read")
    spots = [
        ScreenCase("HomeScreen", by_keys()),
        ScreenCase("DestinationsScreen", by_keys("enter", sees=origin.name)),
        ScreenCase("GroupsScreen", by_keys("enter", "2", sees="1 member")),
        ScreenCase("PendingScreen", pending),
        ScreenCase("ConfirmPlanScreen", after(pending, "A", sees="acknowledge 4"), answers=("enter",)),
        ScreenCase("DeadLetterOverviewScreen", dead),
        ScreenCase("CausesScreen", letters),
        ScreenCase("DeadLetterScreen", after(letters, "enter", sees="Original")),
        ScreenCase("MessagesScreen", stream),
        ScreenCase("FindScreen", after(by_keys("enter", sees=origin.name), "s", "v", "enter", sees="looked at")),
        ScreenCase("SearchScreen", after(stream, "s", "v", "enter", sees="Found")),
        *plans_and_records(dlq.name, origin.name),
        ScreenCase("MenuPopup", pending, over="m"),
        ScreenCase("PalettePopup", stream, over="ctrl+p"),
    ]
    with redis.Redis.from_url(ground.url) as client:
        async with at_console(Console()) as user:
            assert await walk(user, spots, lambda: held(client)) == []
