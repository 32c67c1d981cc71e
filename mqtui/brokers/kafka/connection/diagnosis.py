"""Why there is no conversation with a cluster: librdkafka's words say less than the listener itself."""

from __future__ import annotations

import re
import struct
from contextlib import suppress

from mqtui.brokers import protocol_probe
from mqtui.brokers.kafka.config import mechanism_of, own_certificate_elsewhere, tls_of
from mqtui.brokers.options import hint_to_set
from mqtui.brokers.port import Address
from mqtui.brokers.protocol_probe import ProbeTarget
from mqtui.domain.errors import CannotConnect, MqtuiError, NotAuthenticated, Unreachable

SAID_BY = re.compile(r"(?:\w+://)?(?P<place>[^\s/]+)/(?P<id>\d+): ")
"""How librdkafka names a broker whose address it was told by the cluster; before that its id is `bootstrap`."""

UNSUPPORTED_MECHANISM, ILLEGAL_STATE = 33, 34
SASL_HANDSHAKE = 17


def explained(address: Address, error: CannotConnect) -> MqtuiError:
    """The cause, if the listeners of the address tell one; else the error as it is. It blocks for some seconds."""
    told = SAID_BY.search(error.detail)
    if told and told["place"] not in {protocol_probe.format_host_port(host, port) for host, port in address.hosts}:
        return _astray(address, told["place"], error.detail)
    tls = tls_of(address)
    if tls is not None and own_certificate_elsewhere(address.settings):
        return error
    places = _places(address)
    found = protocol_probe.explain_failure(places)
    if found is None:
        found = next((cause for door in places if (cause := _sasl(door, address)) is not None), None)
    return found or error


def recognised(address: Address) -> MqtuiError | None:
    """What the listeners of the address speak instead of Kafka's protocol, if they say so. It blocks for seconds."""
    return protocol_probe.detect_other_protocol(_places(address))


def _places(address: Address) -> list[ProbeTarget]:
    tls = tls_of(address)
    return [ProbeTarget(host, port, "Kafka", tls) for host, port in address.hosts]


def _astray(address: Address, place: str, said: str) -> Unreachable:
    asked = ", ".join(protocol_probe.format_host_port(host, port) for host, port in address.hosts)
    return Unreachable(
        f"The cluster says that a broker is at {place}, and that can't be reached",
        said,
        f"{asked} answers. Its advertised.listeners must name an address that this machine can reach.",
    )


def _sasl(door: ProbeTarget, address: Address) -> NotAuthenticated | None:
    """Whether a listener wants a login, takes none, or has other mechanisms: its answer to SaslHandshake tells."""
    asked = mechanism_of(address)
    answer = _handshake(door, asked or "PLAIN")
    if answer is None:
        return None
    code, offered = answer
    names = ", ".join(offered)
    if asked and code == ILLEGAL_STATE:
        return NotAuthenticated(
            f"{door.host_port} takes no login", "This listener has no SASL.", "Leave user:password@ out of the URL."
        )
    if asked and code == UNSUPPORTED_MECHANISM:
        return NotAuthenticated(
            f"{door.host_port} does not offer the mechanism {asked}",
            f"It offers {names}." if names else "",
            f"{hint_to_set({'sasl.mechanism': offered[0] if offered else 'NAME'})}.",
        )
    if not asked and code != ILLEGAL_STATE:
        return NotAuthenticated(
            f"{door.host_port} wants a login",
            f"This listener has SASL, with {names}." if names else "This listener has SASL.",
            "Write user:password@ before the host, or save a profile; PLAIN is taken unless sasl.mechanism says more.",
        )
    return None


def _handshake(door: ProbeTarget, mechanism: str) -> tuple[int, list[str]] | None:
    """Error and mechanisms of a SaslHandshake response (key 17, version 1); None where no such answer comes."""
    name = mechanism.encode()
    body = struct.pack(">hhih", SASL_HANDSHAKE, 1, 7, 5) + b"mqtui" + struct.pack(">h", len(name)) + name
    with suppress(OSError, struct.error), protocol_probe.open_socket(door) as opened:
        opened.sendall(struct.pack(">i", len(body)) + body)
        with opened.makefile("rb") as reply:
            size, _ = struct.unpack(">ii", reply.read(8))
            code, count = struct.unpack(">hi", reply.read(6))
            if not 6 <= size - 4 <= 4096:
                return None
            offered = []
            for _ in range(min(count, 32)):
                (length,) = struct.unpack(">h", reply.read(2))
                offered.append(reply.read(length).decode("ascii", "replace"))
            return int(code), offered
    return None
