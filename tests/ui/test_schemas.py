"""View 8: the subjects of a registry, their versions, and what differs between two."""

from __future__ import annotations

from mqtui.domain.resource import Kind, Ref
from tests.memory import MemoryWorld
from tests.schemas.registry_server import running_registry
from tests.ui.destination_console import NARROW, open_destination

NAMED = (132, 34)
"""A size at which the views have their names beside tabs."""

TARGET = "kafka://memory:9092"


async def test_subjects_versions_and_what_differs() -> None:
    world = MemoryWorld()
    ref = world.kafka().make("orders")
    assert ref == Ref(Kind.TOPIC, "orders")
    note = {"name": "note", "type": ["null", "string"], "default": None}
    fields = [{"name": "id", "type": "string"}]
    with running_registry() as registry:
        registry.register("orders-value", {"type": "record", "name": "Order", "fields": fields})
        registry.register("orders-value", {"type": "record", "name": "Order", "fields": [*fields, note]})
        registry.register("shop.Money", "long")
        async with open_destination(world, f"{TARGET}?schema.registry={registry.url}", ref, NAMED) as opened:
            await opened.see("8 schemas")
            await opened.press("8")
            await opened.see("orders-value", "topic:orders (value)", "shop.Money")
            await opened.see("orders-value v2 of 2", "null | string, default null")
            await opened.press("full_stop")
            await opened.see("1 added", "+ note  null | string, default null")
            assert "mqtui schema diff" in opened.line
            await opened.press("J")
            await opened.see("orders-value v1 of 2", "nothing was before it")
            await opened.press("comma", "j")
            await opened.see("shop.Money v1 of 1", "long")
            registry.mode = "html"
            await opened.press("r")
            await opened.see("does not answer as a schema registry")
        registry.mode = "ok"
        async with open_destination(world, f"{TARGET}?schema.registry={registry.url}", ref, NARROW) as opened:
            await opened.press("8")
            await opened.see("orders-value", "shop.Money")
            await opened.press("enter")
            await opened.see("orders-value v2 of 2", "null | string, default null")
            await opened.press("J", "full_stop")
            await opened.see("nothing was before it")
        async with open_destination(world, TARGET, ref, NAMED) as opened:
            assert "8 schemas" not in opened.text and "6 audit" in opened.text
            await opened.press("8")
            await opened.see("no broker here names a schema registry")
