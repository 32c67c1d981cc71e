"""Destinations made, set, purged and deleted from the console, each by a plan that says what is lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mqtui.domain.resource import Ref
from mqtui.domain.topology import Property
from tests.memory.roles import MemoryCatalog
from tests.ui.driver import at_console
from tests.ui.memory_shop import PARTITIONS, MemoryShop


async def test_a_topic_is_made_and_deleted(dev: MemoryShop) -> None:
    """`+` takes the name and options; D counts what goes, and the name is typed on every profile."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").sees("† 54").presses("+").reads_in_prompt("new on kafka")
        await user.types("orders.copy shards:3").presses("enter").reads_in_prompt("Not an option: 'shards:3'")
        await user.presses("+").reads_in_prompt("new on kafka").types("orders.copy partitions:3").presses("enter")
        await user.is_at("ChangeScreen").sees("create orders.copy", "3 partitions", "[ Create ]")
        assert "orders.copy" not in dev.kafka.topics
        await user.presses("enter").sees("✓ 1 of 1: orders.copy made").presses("esc").is_at("DestinationsScreen")
        assert len(dev.kafka.topics["orders.copy"].partitions) == 3
        await (
            user.presses("+")
            .types("orders.copy")
            .presses("enter")
            .sees("broker-refuses: there is a topic")
            .presses("esc")
        )
        await user.moves_to("orders.DLQ").presses("D").is_at("ChangeScreen").sees("delete topic:orders.DLQ")
        await user.sees("letters: 31 dead letters of orders, not handled", "31 messages")
        await user.presses("enter").reads_in_prompt("type orders.DLQ").types("orders").presses("enter")
        assert "orders.DLQ" in dev.kafka.topics
        await user.presses("enter").reads_in_prompt("type orders.DLQ").types("orders.DLQ").presses("enter")
        await user.sees("✓ 1 of 1: orders.DLQ deleted")
        assert "orders.DLQ" not in dev.kafka.topics


async def test_messages_are_purged_up_to_a_position(dev: MemoryShop) -> None:
    """X asks up to where; in the partitions it is about the one under the cursor."""
    low = dev.kafka.topics["orders"].partitions[4].next - 1
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").sees("† 54").moves_to("orders").presses("enter").is_at("MessagesScreen")
        await user.presses("full_stop").is_at("PartitionsScreen").presses("g", *"jjjj", "X")
        await user.reads_in_prompt("purge orders, partition 4 before").types(str(low)).presses("enter")
        await user.is_at("ChangeScreen").sees("unread: ", "shipping has", "what is deleted of it is never read")
        await (
            user.presses("enter")
            .reads_in_prompt("type orders")
            .types("orders")
            .presses("enter")
            .sees("✓ 1 of 1: orders purged")
        )
        assert dev.kafka.topics["orders"].partitions[4].low == low
        await user.presses("esc").is_at("PartitionsScreen").presses("r", "+").reads_in_prompt("it has 6")
        await user.types(str(PARTITIONS + 2)).presses("enter").sees("add 2 partitions to topic:orders").presses("enter")
        await user.sees("✓ 1 of 1: orders altered")
        assert len(dev.kafka.topics["orders"].partitions) == PARTITIONS + 2


async def test_a_setting_is_set_by_a_plan(dev: MemoryShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """E on a line of config; other lines, and brokers without settings, say why not."""

    async def listed(_: MemoryCatalog, ref: Ref) -> Sequence[Property]:
        value = dev.kafka.topics[ref.name].settings.get("retention.ms", "604800000")
        return Property("topic", "id", "1"), Property("config", "retention.ms", value, "default")

    monkeypatch.setattr(MemoryCatalog, "list_properties", listed)
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("d").is_at("PropertiesScreen").moves_to("retention.ms").presses("E")
        await user.reads_in_prompt("retention.ms").presses("ctrl+u").types("60000").presses("enter")
        await user.is_at("ChangeScreen").sees("set retention.ms of topic:orders.DLQ").presses("enter")
        await user.sees("✓ 1 of 1: orders.DLQ altered").presses("esc").is_at("PropertiesScreen")
        assert dev.kafka.topics["orders.DLQ"].settings == {"retention.ms": "60000"}
        await user.presses("g", "E").reads_in_prompt("settings of a topic can be set")


async def test_a_read_only_profile_changes_no_destination(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console("prod-cache")) as user:
        await user.is_at("DestinationsScreen").on_row("payments:dlq")
        for key in "+XD":
            await user.presses(key).reads_in_prompt("read-only").is_at("DestinationsScreen")
