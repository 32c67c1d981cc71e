"""CC and BCC headers, by which RabbitMQ routes further copies of a message (R14)."""

from __future__ import annotations

from mqtui.domain.message import Header

KEPT_AS = {"CC": "x-mqtui-cc", "BCC": "x-mqtui-bcc"}
"""The headers whose values are further routing keys, and the names under which a moved letter keeps them."""


def rename_cc_headers(headers: tuple[Header, ...]) -> tuple[Header, ...]:
    """The headers with CC and BCC renamed, so that no copies are routed; values, types and order stay."""
    if not any(name in KEPT_AS for name, _, _ in headers):
        return headers
    return tuple((KEPT_AS.get(name, name), value, kind) for name, value, kind in headers)
