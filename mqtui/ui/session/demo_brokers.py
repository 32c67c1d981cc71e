"""Brokers that are brought to the console while it runs, such as those of the demo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from mqtui.domain.resource import BrokerKind


@dataclass(frozen=True, slots=True)
class BrokerEvent:
    """News of one broker: what it is doing (`stage`), that it is there (`url`), or why it will not come (`trouble`)."""

    kind: BrokerKind
    stage: str = ""
    url: str = ""
    trouble: str = ""


class DemoBrokers(Protocol):
    """Gives news of brokers until all are there or will not come."""

    name: str
    """The target's name in the console."""

    def news(self) -> AsyncIterator[BrokerEvent]:
        """What happens, as it happens."""
