"""Which adapter serves which kind of broker. Each is imported when it is asked for, with its client library."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from mqtui.brokers.port import Adapter, Address
from mqtui.brokers.traits import BrokerTraits
from mqtui.domain.resource import BrokerKind

FOLDERS = {kind: f"mqtui.brokers.{kind}" for kind in BrokerKind}


def connect(address: Address) -> Adapter:
    """The adapter of an address. This imports its client library; nothing is sent before the first call."""
    module = import_module(f"{FOLDERS[address.kind]}.adapter")
    adapter: Adapter = module.connect(address)
    return adapter


@cache
def traits_of(kind: BrokerKind) -> BrokerTraits:
    """What the adapter of a kind of broker declares. This imports no client library."""
    found: BrokerTraits = import_module(f"{FOLDERS[kind]}.traits").TRAITS
    return found


@cache
def all_traits() -> tuple[BrokerTraits, ...]:
    """The traits of all kinds of brokers."""
    return tuple(map(traits_of, BrokerKind))
