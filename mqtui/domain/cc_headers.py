"""The headers by which RabbitMQ sends further copies of a message elsewhere (R14)."""

from __future__ import annotations

from mqtui.domain.message import Header

KEPT_AS = {"CC": "x-mqtui-cc", "BCC": "x-mqtui-bcc"}
"""Headers whose values are further routing keys, and the names under which a letter that is moved keeps them."""


def rename_cc_headers(headers: tuple[Header, ...]) -> tuple[Header, ...]:
    """The headers of a letter that is moved: value, type and place stay, and nobody gets a copy."""
    if not any(name in KEPT_AS for name, _, _ in headers):
        return headers
    return tuple((KEPT_AS.get(name, name), value, kind) for name, value, kind in headers)
