"""`mqtui TARGET RESOURCE`: the named thing is there first, while the list behind it is still on its way."""

from __future__ import annotations

import asyncio

import pytest

from mqtui.domain.resource import BrokerKind
from mqtui.services.poller import Poller
from mqtui.ui.app import Console
from tests.brokers import Brokers
from tests.cli.broker_fixtures import broker_fixture_of
from tests.contract.worlds import Letter
from tests.ui.driver import at_console


@pytest.mark.parametrize("kind", [BrokerKind.KAFKA, BrokerKind.REDIS])
async def test_c104_the_named_thing_comes_before_the_list(
    kind: BrokerKind, brokers: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = broker_fixture_of(kind, getattr(brokers, kind.value)())
    plain, dead = ground.world.create("plain"), ground.world.create("dead")
    word = Letter(b"albatross") if kind is BrokerKind.KAFKA else Letter(fields=((b"bird", b"albatross"),))
    ground.world.put(plain, [word])
    ground.world.put(dead, [ground.dead_letter(0, plain)])
    begun = asyncio.Event()

    async def never_ends(_: Poller, seen: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Poller, "_refresh", never_ends)
    try:
        async with at_console(Console((ground.url, plain.name))) as user:
            await user.is_at("MessagesScreen").sees("albatross")
            await user.until(begun.is_set, "sees that the list is on its way")
        async with at_console(Console((ground.url, dead.name))) as user:
            await user.is_at("CausesScreen").sees("no amount")
    finally:
        ground.world.close()
