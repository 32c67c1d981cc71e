"""Servers for test workers side by side: their Kafka leaves the processor to the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mqtui.demo.servers import Servers

QUICK_COMPILER = "-XX:TieredStopAtLevel=1"
"""A broker that lives for minutes spends a third of its time in the second compiler: 25 s of 63 tests, 16 without."""


class QuickServers(Servers):
    """As the servers of the demo, with a Kafka that is compiled quickly rather than well."""

    def start_kafka(self, name: str = "kafka", *, java_flags: Sequence[str] = (), **more: Any) -> str:
        """As the servers' own."""
        return super().start_kafka(name, java_flags=(QUICK_COMPILER, *java_flags), **more)
