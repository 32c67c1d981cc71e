"""Unknown, absent and partial are never figures: what the console says where a broker can't, or a read was cut."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mqtui.ui.app import Console
from mqtui.ui.screens import pending
from tests.contract.redis_stage import Stage as RedisStage
from tests.ui.driver import at_console


@pytest.fixture
def streams(redis_url: str) -> Iterator[RedisStage]:
    made = RedisStage(redis_url)
    yield made
    made.close()


async def test_pending_entries_that_were_not_all_read(streams: RedisStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """C50: the list and the keys say how many of how many; all of them is said only where it is so."""
    monkeypatch.setattr(pending, "MOST", 100)
    ref = streams.stream("work", 250, name=streams.prefix)
    streams.group(ref, "g", take=250)
    async with at_console(Console((streams.url, ""))) as user:
        await user.is_at("DestinationsPlace").sees(ref.name).presses("2").is_at("GroupsPlace")
        await user.walks_to(f"{ref.name}/g").presses("enter").is_at("PendingPlace").sees("100 of 250")
        await user.sees_no("all read").sees("C reassign 100 of 250")
        await user.presses("tab", "space").sees("1 marked").sees("C reassign 1")
    monkeypatch.setattr(pending, "MOST", 250)
    async with at_console(Console((streams.url, ""))) as user:
        await user.is_at("DestinationsPlace").sees(ref.name).presses("2").is_at("GroupsPlace")
        await user.walks_to(f"{ref.name}/g").presses("enter").is_at("PendingPlace").sees("250, all read")
