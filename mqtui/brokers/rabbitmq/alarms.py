"""Alarms that stop publishers: memory and disk space."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.access import Access
from mqtui.brokers.rabbitmq.catalog import alarms
from mqtui.domain.errors import MqtuiError


async def told(access: Access) -> str:
    """Nodes with their alarms; "" where there are none, or nobody says so."""
    if not access.management.given:
        return ""
    try:
        nodes = await access.management.get("nodes", "nodes", {"columns": "name,mem_alarm,disk_free_alarm"})
    except MqtuiError:
        return ""
    return ", ".join(f"{node['name']} ({alarm})" for node in nodes for alarm in alarms(node))
