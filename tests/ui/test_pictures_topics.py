"""Pictures of partitions and nodes, and of plans that change a topic. Each test says what a person must see."""

from __future__ import annotations

import pytest

from tests.ui.memory_shop import MemoryShop
from tests.ui.picture_steps import NORMAL, open_shop
from tests.ui.pictures import Pictures

BOTH = pytest.mark.parametrize("size", (NORMAL, (80, 24)), ids=("normal", "narrow"))


@BOTH
async def test_partitions(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """Leader, offsets and size of each partition; which one a key goes to, by client."""
    async with pictures.at(frozen_shop.console("prod-eu"), size) as user:
        await open_shop(user, frozen_shop)
        await user.moves_to("orders").presses("enter").is_at("MessagesScreen").presses("full_stop")
        await user.is_at("PartitionsScreen").on_some_row("1").presses("s").types("u7").presses("enter")
        await user.reads_in_prompt("by murmur2")
        await pictures.shows(user)


@BOTH
async def test_topology(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """The nodes with their disks."""
    async with pictures.at(frozen_shop.console("prod-eu"), size) as user:
        await open_shop(user, frozen_shop)
        await user.presses("4").is_at("TopologyScreen").sees("40.0 GiB")
        await pictures.shows(user)


@BOTH
async def test_deletion(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """What a deletion loses stands first: dead letters, what groups have not read; the name is to be typed."""
    async with pictures.at(frozen_shop.console("prod-eu"), size) as user:
        await open_shop(user, frozen_shop)
        await user.moves_to("orders").presses("D").is_at("ChangeScreen").sees("unread")
        await pictures.shows(user)
