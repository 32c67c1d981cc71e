"""Each adapter has every member of the port: mypy does not see them where the registry imports modules by name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mqtui.brokers import port
from mqtui.brokers.port import Address
from mqtui.brokers.registry import connect
from mqtui.domain.resource import BrokerKind


def missing_members(found: object, role: type) -> list[str]:
    """Public members of a protocol that an object does not have."""
    names = {*vars(role), *getattr(role, "__annotations__", {})}
    return sorted(name for name in names if not name.startswith("_") and not hasattr(found, name))


@pytest.mark.parametrize("kind", BrokerKind, ids=str)
async def test_adapters_have_every_member_of_the_port(kind: BrokerKind) -> None:
    adapter: Any = connect(Address(kind, (("127.0.0.1", 1),)))
    broker = adapter.broker
    roles = {
        port.Adapter: adapter,
        port.Broker: broker,
        port.Catalog: broker.catalog,
        port.Reader: broker.reader,
        port.Groups: broker.groups,
        port.Writer: adapter.open_writer(SimpleNamespace(plan=None)),
    }
    if broker.pending is not None:
        roles[port.Pending] = broker.pending
    missing = {role.__name__: names for role, found in roles.items() if (names := missing_members(found, role))}
    await adapter.close()
    assert missing == {}
