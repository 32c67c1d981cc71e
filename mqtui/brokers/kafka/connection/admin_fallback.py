"""What only kafka-python's admin client can ask: the brokers' release, a transactional id's state, share groups' names,
and topics and settings of any broker where librdkafka waits for a controller that does not answer (K19).

The answers are extras: where they can't be had (a right, an option kafka-python does not know) they are None.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from mqtui.brokers.kafka.config import mechanism_of, own_certificate_elsewhere, tls_of
from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.port import Address

Answer = TypeVar("Answer")
PATIENCE_MS = 5_000

IMPATIENCE_MS = 1_500
"""For what any broker can tell: one that is silent is left for another."""

BROKERS = 3
"""How many are asked for it."""

log = logging.getLogger("kafka")
log.addHandler(logging.NullHandler())
log.propagate = False


@dataclass(frozen=True, slots=True)
class Transaction:
    """What the coordinator says of a transactional id. `since` is ms since the epoch, -1 where none is open."""

    allowed: bool
    state: str = ""
    since: int = -1

    @property
    def ongoing(self) -> bool:
        """Whether a transaction is open."""
        return self.state == "Ongoing"


async def release(connection: Connection) -> str:
    """The oldest release that speaks the brokers' protocol, such as "4.3"; "" where it can't be told."""

    def version(admin: Any) -> str:
        numbers = admin.get_broker_version_data(admin.describe_cluster()["brokers"][0]["broker_id"]).broker_version
        return ".".join(str(number) for number in numbers)

    return await connection.call("asking for the release", lambda: ask(connection.address, version)) or ""


async def transaction(connection: Connection, transactional_id: str) -> Transaction | None:
    """The state of a transactional id, without opening a producer (K3). `allowed` is False without Describe on it."""
    return await connection.call(
        "asking for a transaction", lambda: ask(connection.address, lambda admin: _described(admin, transactional_id))
    )


def describe_topics(address: Address, names: Sequence[str]) -> dict[str, Mapping[str, Any]] | None:
    """Topics by name as any broker describes them in one Metadata response; nothing is created."""

    def told(admin: Any) -> dict[str, Mapping[str, Any]]:
        return {topic["name"]: topic for topic in admin.describe_topics(list(names))}

    return _ask_any(address, told)


def describe_configs(address: Address, names: Sequence[str]) -> dict[str, dict[str, str]] | None:
    """Effective configuration by topic; a topic that is missing or closed is left out."""

    def told(admin: Any) -> dict[str, dict[str, str]]:
        from kafka.admin import ConfigResource

        found = admin.describe_configs([ConfigResource("topic", name) for name in names], config_filter="all")
        topics = found.get("topic", {})
        return {
            name: {key: entry["value"] or "" for key, entry in entries.items()}
            for name, entries in topics.items()
            if entries
        }

    return _ask_any(address, told)


def _described(admin: Any, transactional_id: str) -> Transaction:
    from kafka import errors

    try:
        told = admin.describe_transactions([transactional_id])[transactional_id]
    except errors.TransactionalIdNotFoundError:
        return Transaction(allowed=True)
    except errors.TransactionalIdAuthorizationFailedError:
        return Transaction(allowed=False)
    return Transaction(allowed=True, state=told.state.value, since=told.transaction_start_time_ms)


def _ask_any(address: Address, question: Callable[[Any], Answer]) -> Answer | None:
    """Ask the brokers one after the other, each with little patience, until one answers."""

    def first_answer(admin: Any) -> Answer | None:
        from kafka.errors import KafkaError

        for broker in itertools.islice(admin._manager.cluster.brokers(), BROKERS):
            with suppress(KafkaError, OSError):
                # A question goes to a broker whose connection stands, before any other.
                admin.get_broker_version_data(broker.node_id)
                return question(admin)
        return None

    return ask(address, first_answer, patience_ms=IMPATIENCE_MS)


def ask(address: Address, question: Callable[[Any], Answer], patience_ms: int = PATIENCE_MS) -> Answer | None:
    """The answer to a question put to a connected `KafkaAdminClient`; None where it can't be had. Blocks."""
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    if own_certificate_elsewhere(address.settings):
        return None
    try:
        admin = KafkaAdminClient(**_config(address, patience_ms))
    except (KafkaError, OSError, ValueError, AssertionError):
        return None
    try:
        return question(admin)
    except (KafkaError, OSError, ValueError, KeyError, IndexError):
        return None
    finally:
        admin.close()


def _config(address: Address, patience_ms: int) -> dict[str, Any]:
    from kafka.net.compat import KafkaNetClient

    patient = partial(
        KafkaNetClient,
        socket_connection_setup_timeout_ms=patience_ms,
        socket_connection_setup_timeout_max_ms=patience_ms,
    )
    tls, mechanism = tls_of(address), mechanism_of(address)
    config: dict[str, Any] = {
        "bootstrap_servers": [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts],
        "client_id": f"{address.prefix}-transactions",
        "kafka_client": patient,
        "request_timeout_ms": patience_ms,
        "bootstrap_timeout_ms": PATIENCE_MS,
        "security_protocol": ("SASL_" if mechanism else "") + ("SSL" if tls else "PLAINTEXT"),
    }
    if mechanism:
        config["sasl_mechanism"] = mechanism
        config["sasl_plain_username"], config["sasl_plain_password"] = address.user, address.secret
    if tls:
        config["ssl_context"] = tls.context()
    return config
