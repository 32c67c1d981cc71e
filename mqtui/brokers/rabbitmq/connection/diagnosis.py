"""Why an AMQP connection failed: found by probing the port, which tells more than pika's exception."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import suppress

from mqtui.brokers import protocol_probe
from mqtui.brokers.protocol_probe import ProbeTarget
from mqtui.brokers.rabbitmq.errors import mechanism_not_offered
from mqtui.domain.errors import CannotConnect, MqtuiError, NotAuthenticated

HEADER = b"AMQP\x00\x00\x09\x01"
METHOD, CONNECTION_START = 1, struct.pack(">HH", 10, 10)
LARGEST = 1 << 16


def explain_failure(error: CannotConnect, places: Sequence[ProbeTarget], mechanism: str) -> MqtuiError:
    """The cause found by probing, else the error itself. This blocks for some seconds."""
    if not isinstance(error, NotAuthenticated):
        return protocol_probe.explain_failure(places) or error
    for door in places:
        offered = offered_mechanisms(door)
        if offered and mechanism not in offered:
            return mechanism_not_offered(door.host_port, mechanism, offered)
    return error


def offered_mechanisms(door: ProbeTarget) -> list[str]:
    """The SASL mechanisms in the broker's `connection.start`; none where that does not come."""
    with suppress(OSError, struct.error), protocol_probe.open_socket(door) as opened:
        opened.sendall(HEADER)
        with opened.makefile("rb") as reply:
            sort, _, size = struct.unpack(">BHI", reply.read(7))
            body = reply.read(min(size, LARGEST))
        if sort == METHOD and body.startswith(CONNECTION_START):
            (properties,) = struct.unpack_from(">I", body, 6)
            (length,) = struct.unpack_from(">I", body, 10 + properties)
            return body[14 + properties : 14 + properties + length].decode("ascii", "replace").split()
    return []
