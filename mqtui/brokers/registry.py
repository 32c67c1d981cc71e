"""Which adapter serves which kind of broker. Each is imported when it is asked for, with its client library."""

from __future__ import annotations

from importlib import import_module

from mqtui.brokers.options import DeclaredOptions
from mqtui.brokers.port import Adapter, Address
from mqtui.domain.resource import BrokerKind

ADAPTER_MODULES = {kind: f"mqtui.brokers.{kind}.adapter" for kind in BrokerKind}
OPTION_MODULES = {kind: f"mqtui.brokers.{kind}.declared_options" for kind in BrokerKind}


def connect(address: Address) -> Adapter:
    """The adapter of an address. This imports its client library; nothing is sent before the first call."""
    module = import_module(ADAPTER_MODULES[address.kind])
    adapter: Adapter = module.connect(address)
    return adapter


def declared_options(kind: BrokerKind) -> DeclaredOptions:
    """The options that a kind of broker has. This imports no client library."""
    found: DeclaredOptions = import_module(OPTION_MODULES[kind]).DECLARED
    return found
