"""Brokers that start while the console is shown already, such as those of the demo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from mqtui.domain.resource import BrokerKind


@dataclass(frozen=True, slots=True)
class BrokerEvent:
    """What happened to one broker: a start-up `stage`, the `url` once it is up, or the `error` that prevents it."""

    kind: BrokerKind
    stage: str = ""
    url: str = ""
    error: str = ""


class DemoBrokers(Protocol):
    """Starts brokers, and reports events until each is up or has failed."""

    name: str
    """The target's name in the console."""

    def events(self) -> AsyncIterator[BrokerEvent]:
        """The events, as they happen."""
