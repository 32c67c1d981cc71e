"""Servers for test workers side by side: their Kafka leaves the processor to the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mqtui.demo.servers import Servers

QUICK_COMPILER = "-XX:TieredStopAtLevel=1"
"""A broker that lives for minutes spends a third of its time in the second compiler: 25 s of 63 tests, 16 without."""


class QuickServers(Servers):
    """As the servers of the demo, with a Kafka that is compiled quickly rather than well."""

    def start_kafka(
        self,
        name: str = "kafka",
        *,
        config: Sequence[str] = (),
        sasl_users: Mapping[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        joins: str | None = None,
        java_flags: Sequence[str] = (),
    ) -> str:
        """As the servers' own."""
        return super().start_kafka(
            name,
            config=config,
            sasl_users=sasl_users,
            listeners=listeners,
            joins=joins,
            java_flags=(QUICK_COMPILER, *java_flags),
        )
