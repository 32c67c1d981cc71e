"""Picture of view 8: what a registry has, who uses it, and what differs between two versions."""

from __future__ import annotations

from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from tests.schemas.registry_server import running_registry
from tests.ui.memory_shop import URLS, MemoryShop
from tests.ui.picture_steps import MAIN, open_shop
from tests.ui.pictures import Pictures

FIELDS = [
    {"name": "id", "type": "long"},
    {"name": "user", "type": "string"},
    {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
]
NOTE = {"name": "note", "type": ["null", "string"], "default": None}
RECORD = {"type": "record", "name": "Order", "namespace": "shop"}


@MAIN
async def test_schemas(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """The subjects with who uses them; beside them the newest version, whose change is one key away."""
    with running_registry() as registry:
        registry.register("orders-value", RECORD | {"fields": FIELDS})
        registry.register("orders-value", RECORD | {"fields": [*FIELDS, NOTE]})
        registry.register("clicks-shop.Click", {"type": "record", "name": "shop.Click", "fields": FIELDS[:2]})
        registry.register("shop.Money", {"type": "record", "name": "shop.Money", "fields": FIELDS[2:]})
        endpoint = BrokerEndpoint(URLS[BrokerKind.KAFKA], {"schema.registry": registry.url})
        ProfileStore().add(Profile("avro", {BrokerKind.KAFKA: endpoint}))
        async with pictures.at(frozen_shop.console("avro"), size) as user:
            await open_shop(user, frozen_shop)
            await user.presses("8").is_at("SchemasScreen").sees("8", "orders-value", "clicks-shop.Click")
            await user.moves_to("orders-value")
            await pictures.shows(user)
