"""Resource alarms (memory, disk space), during which the broker blocks publishers."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection.management_api import Row
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.domain.errors import MqtuiError


async def describe_alarms(session: RabbitSession) -> str:
    """Nodes with their alarms as text; "" where there are none or they can't be read."""
    if not session.management.is_configured:
        return ""
    try:
        nodes = await session.management.get("nodes", "nodes", {"columns": "name,mem_alarm,disk_free_alarm"})
    except MqtuiError:
        return ""
    return ", ".join(f"{node['name']} ({alarm})" for node in nodes for alarm in node_alarms(node))


def node_alarms(node: Row) -> list[str]:
    """The alarms of a node that block publishers."""
    named = (("mem_alarm", "memory"), ("disk_free_alarm", "disk space"))
    return [text for key, text in named if node.get(key) is True]
