"""The second admin client, kafka-python's: for requests that librdkafka lacks, and to get round a silent controller.

Only it can ask for the brokers' release and for share groups, and for the state of a transactional id where our own
connections can't. It also asks any broker for topics and configurations where librdkafka waits for a controller that
does not answer (K19). Each answer is optional: None if it can't be had, because of an ACL or of an option that
kafka-python does not know.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from mqtui.brokers.kafka.config import has_librdkafka_only_certificate, sasl_mechanism, tls_settings
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.port import Address

Answer = TypeVar("Answer")
TIMEOUT_MS = 5_000

SHORT_TIMEOUT_MS = 1_500
"""For requests that any broker answers: a silent one is soon left for the next."""

MOST_BROKERS = 3
"""How many brokers are tried."""

log = logging.getLogger("kafka")
log.addHandler(logging.NullHandler())
log.propagate = False


async def fetch_release(clients: KafkaClients) -> str:
    """The oldest release with the brokers' protocol versions, such as "4.3"; "" if unknown."""

    def version(admin: Any) -> str:
        numbers = admin.get_broker_version_data(admin.describe_cluster()["brokers"][0]["broker_id"]).broker_version
        return ".".join(str(number) for number in numbers)

    return (
        await clients.run_in_thread("asking for the release", lambda: ask_kafka_python(clients.address, version)) or ""
    )


def fetch_transaction(address: Address, transactional_id: str) -> tuple[bool, str, int] | None:
    """Whether this user may describe a transactional id, its state, and since when a transaction is open. Blocks."""
    return ask_kafka_python(address, lambda admin: _describe_transaction(admin, transactional_id))


def describe_topics_at_any_broker(address: Address, names: Sequence[str]) -> dict[str, Mapping[str, Any]] | None:
    """Topics by name from one broker's Metadata response; nothing is created."""

    def describe(admin: Any) -> dict[str, Mapping[str, Any]]:
        return {topic["name"]: topic for topic in admin.describe_topics(list(names))}

    return _ask_any_broker(address, describe)


def list_all_topics(address: Address) -> list[Mapping[str, Any]] | None:
    """All topics that this user may see, with their partitions, from one Metadata response."""

    def describe(admin: Any) -> list[Mapping[str, Any]]:
        return list(admin.describe_topics())

    return ask_kafka_python(address, describe)


def describe_configs_at_any_broker(address: Address, names: Sequence[str]) -> dict[str, dict[str, str]] | None:
    """Effective configuration by topic; a missing or forbidden topic is left out."""

    def describe(admin: Any) -> dict[str, dict[str, str]]:
        from kafka.admin import ConfigResource

        found = admin.describe_configs([ConfigResource("topic", name) for name in names], config_filter="all")
        topics = found.get("topic", {})
        return {
            name: {key: entry["value"] or "" for key, entry in entries.items()}
            for name, entries in topics.items()
            if entries
        }

    return _ask_any_broker(address, describe)


def _describe_transaction(admin: Any, transactional_id: str) -> tuple[bool, str, int]:
    from kafka import errors

    try:
        described = admin.describe_transactions([transactional_id])[transactional_id]
    except errors.TransactionalIdNotFoundError:
        return True, "", -1
    except errors.TransactionalIdAuthorizationFailedError:
        return False, "", -1
    return True, described.state.value, described.transaction_start_time_ms


def _ask_any_broker(address: Address, question: Callable[[Any], Answer]) -> Answer | None:
    """Ask the brokers one after the other, each with a short timeout, until one answers."""

    def first_answer(admin: Any) -> Answer | None:
        from kafka.errors import KafkaError

        for broker in itertools.islice(admin._manager.cluster.brokers(), MOST_BROKERS):
            with suppress(KafkaError, OSError):
                # Opens a connection to this broker: the request then goes to it before any other.
                admin.get_broker_version_data(broker.node_id)
                return question(admin)
        return None

    return ask_kafka_python(address, first_answer, timeout_ms=SHORT_TIMEOUT_MS)


def ask_kafka_python(
    address: Address, question: Callable[[Any], Answer], timeout_ms: int = TIMEOUT_MS
) -> Answer | None:
    """The answer to a question put to a connected `KafkaAdminClient`; None where it can't be had. Blocks."""
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    if has_librdkafka_only_certificate(address.settings):
        return None
    try:
        admin = KafkaAdminClient(**_client_config(address, timeout_ms))
    except (KafkaError, OSError, ValueError, AssertionError):
        return None
    try:
        return question(admin)
    except (KafkaError, OSError, ValueError, KeyError, IndexError):
        return None
    finally:
        admin.close()


def _client_config(address: Address, timeout_ms: int) -> dict[str, Any]:
    from kafka.net.compat import KafkaNetClient

    network_client = partial(
        KafkaNetClient,
        socket_connection_setup_timeout_ms=timeout_ms,
        socket_connection_setup_timeout_max_ms=timeout_ms,
    )
    tls, mechanism = tls_settings(address), sasl_mechanism(address)
    config: dict[str, Any] = {
        "bootstrap_servers": [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts],
        "client_id": f"{address.prefix}-transactions",
        "kafka_client": network_client,
        "request_timeout_ms": timeout_ms,
        "bootstrap_timeout_ms": TIMEOUT_MS,
        "security_protocol": ("SASL_" if mechanism else "") + ("SSL" if tls else "PLAINTEXT"),
    }
    if mechanism:
        config["sasl_mechanism"] = mechanism
        config["sasl_plain_username"], config["sasl_plain_password"] = address.user, address.secret
    if tls:
        config["ssl_context"] = tls.context()
    return config
