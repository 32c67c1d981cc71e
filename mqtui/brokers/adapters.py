"""Kind of broker to adapter, each loaded only when asked for."""

from __future__ import annotations

from importlib import import_module

from mqtui.brokers.port import Adapter, Address
from mqtui.domain.resource import BrokerKind

MODULES = {kind: f"mqtui.brokers.{kind}.client" for kind in BrokerKind}


def connect(address: Address) -> Adapter:
    """The adapter for an address. Imports its client library; connects on the first call."""
    module = import_module(MODULES[address.kind])
    adapter: Adapter = module.connect(address)
    return adapter
