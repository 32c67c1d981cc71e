"""Kind of broker to adapter, each loaded only when asked for."""

from __future__ import annotations

from importlib import import_module

from mqtui.brokers.options import Declared
from mqtui.brokers.port import Adapter, Address
from mqtui.domain.resource import BrokerKind

DECLARATIONS = {kind: f"mqtui.brokers.{kind}.declared" for kind in BrokerKind}
MODULES = {kind: f"mqtui.brokers.{kind}.client" for kind in BrokerKind}


def connect(address: Address) -> Adapter:
    """The adapter for an address. Imports its client library; connects on the first call."""
    module = import_module(MODULES[address.kind])
    adapter: Adapter = module.connect(address)
    return adapter


def declared(kind: BrokerKind) -> Declared:
    """The options of a kind. Imports no client library."""
    found: Declared = import_module(DECLARATIONS[kind]).DECLARED
    return found
