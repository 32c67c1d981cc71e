"""Alarms that stop publishers: memory and disk space."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection.management_api import Row
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.domain.errors import MqtuiError


async def told(access: Access) -> str:
    """Nodes with their alarms; "" where there are none, or nobody says so."""
    if not access.management.given:
        return ""
    try:
        nodes = await access.management.get("nodes", "nodes", {"columns": "name,mem_alarm,disk_free_alarm"})
    except MqtuiError:
        return ""
    return ", ".join(f"{node['name']} ({alarm})" for node in nodes for alarm in node_alarms(node))


def node_alarms(node: Row) -> list[str]:
    """The alarms of a node that stop publishers."""
    named = (("mem_alarm", "memory"), ("disk_free_alarm", "disk space"))
    return [text for key, text in named if node.get(key) is True]
