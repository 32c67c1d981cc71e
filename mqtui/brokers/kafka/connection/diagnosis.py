"""Finds out why a connection fails by probing the listeners: librdkafka's own errors say too little."""

from __future__ import annotations

import re
import struct
from contextlib import suppress

from mqtui.brokers import protocol_probe
from mqtui.brokers.kafka.config import has_librdkafka_only_certificate, sasl_mechanism, tls_settings
from mqtui.brokers.options import hint_to_set
from mqtui.brokers.port import Address
from mqtui.brokers.protocol_probe import ProbeTarget
from mqtui.domain.errors import CannotConnect, MqtuiError, NotAuthenticated, Unreachable

BROKER_IN_ERROR = re.compile(r"(?:\w+://)?(?P<place>[^\s/]+)/(?P<id>\d+): ")
"""A broker in the text of a librdkafka error, once the cluster told its address; before that its id is `bootstrap`."""

UNSUPPORTED_MECHANISM, ILLEGAL_STATE = 33, 34
SASL_HANDSHAKE = 17


def explain(address: Address, error: CannotConnect) -> MqtuiError:
    """The cause of the error if probing the listeners finds one, else the error itself. Blocks for some seconds."""
    match = BROKER_IN_ERROR.search(error.detail)
    if match and match["place"] not in {protocol_probe.format_host_port(host, port) for host, port in address.hosts}:
        return _advertised_unreachable(address, match["place"], error.detail)
    tls = tls_settings(address)
    if tls is not None and has_librdkafka_only_certificate(address.settings):
        return error
    targets = _probe_targets(address)
    found = protocol_probe.explain_failure(targets)
    if found is None:
        found = next((cause for target in targets if (cause := _check_sasl(target, address)) is not None), None)
    return found or error


def detect_protocol(address: Address) -> MqtuiError | None:
    """The error if the address speaks another protocol than Kafka's; None if not known. Blocks for seconds."""
    return protocol_probe.detect_other_protocol(_probe_targets(address))


def _probe_targets(address: Address) -> list[ProbeTarget]:
    tls = tls_settings(address)
    return [ProbeTarget(host, port, "Kafka", tls) for host, port in address.hosts]


def _advertised_unreachable(address: Address, place: str, text: str) -> Unreachable:
    asked = ", ".join(protocol_probe.format_host_port(host, port) for host, port in address.hosts)
    return Unreachable(
        f"The cluster says that a broker is at {place}, and that can't be reached",
        text,
        f"{asked} answers. Its advertised.listeners must name an address that this machine can reach.",
    )


def _check_sasl(target: ProbeTarget, address: Address) -> NotAuthenticated | None:
    """By a SaslHandshake request: whether the listener requires a login, has none, or has other mechanisms."""
    asked = sasl_mechanism(address)
    answer = _sasl_handshake(target, asked or "PLAIN")
    if answer is None:
        return None
    code, offered = answer
    names = ", ".join(offered)
    if asked and code == ILLEGAL_STATE:
        return NotAuthenticated(
            f"{target.host_port} takes no login", "This listener has no SASL.", "Leave user:password@ out of the URL."
        )
    if asked and code == UNSUPPORTED_MECHANISM:
        return NotAuthenticated(
            f"{target.host_port} does not offer the mechanism {asked}",
            f"It offers {names}." if names else "",
            f"{hint_to_set({'sasl.mechanism': offered[0] if offered else 'NAME'})}.",
        )
    if not asked and code != ILLEGAL_STATE:
        return NotAuthenticated(
            f"{target.host_port} wants a login",
            f"This listener has SASL, with {names}." if names else "This listener has SASL.",
            "Write user:password@ before the host, or save a profile; PLAIN is taken unless sasl.mechanism says more.",
        )
    return None


def _sasl_handshake(target: ProbeTarget, mechanism: str) -> tuple[int, list[str]] | None:
    """Error code and mechanisms of a SaslHandshake response (API key 17, version 1); None without such an answer."""
    name = mechanism.encode()
    body = struct.pack(">hhih", SASL_HANDSHAKE, 1, 7, 5) + b"mqtui" + struct.pack(">h", len(name)) + name
    with suppress(OSError, struct.error), protocol_probe.open_socket(target) as opened:
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
