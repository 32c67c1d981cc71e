"""Creates the librdkafka clients of one cluster, awaits their answers, and tracks whether the cluster is reachable."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from mqtui.brokers import protocol_probe
from mqtui.brokers.blocking import as_asyncio, start_thread, submit_to_thread
from mqtui.brokers.kafka.config import Properties, client_properties, tls_settings
from mqtui.brokers.kafka.connection.broker_connections import BrokerConnections
from mqtui.brokers.kafka.connection.bulk_admin import BulkAdminClient
from mqtui.brokers.kafka.connection.bulk_metadata import NOT_LISTED
from mqtui.brokers.kafka.connection.diagnosis import detect_protocol, explain
from mqtui.brokers.kafka.errors import AUTHENTICATION, UNREACHABLE, describe_error, translate, unreachable_error
from mqtui.brokers.port import Address
from mqtui.brokers.protocol_probe import ProbeTarget
from mqtui.brokers.request_log import log_request, log_retry
from mqtui.domain.errors import BrokerTrouble, CannotConnect, MqtuiError, TimedOut

Result = TypeVar("Result")

REQUEST_TIMEOUT = 15.0
"""Seconds an admin request may take (request_timeout)."""

ANSWER_TIMEOUT = REQUEST_TIMEOUT + 5.0
"""Seconds after which a request is given up although librdkafka has not ended it."""

FALLBACK_AFTER = 2.0
"""Seconds after which another broker is asked instead of the controller. librdkafka asks the controller for topics and
configurations; in KRaft any broker is named as it, even one without an address on this listener [`Failed while waiting
for controller`]."""

QUEUE_BACKOFF = 10
"""fetch.queue.backoff.ms: how long librdkafka pauses fetching a partition once its queue is full. With the default of
1,000, a peek waits for a partition whose turn comes late [a peek into 200 topics: 0.1 s, 1.1 s or 2.1 s]."""

CONTROLLER_BACKOFF = 30.0
"""Seconds during which a controller that did not answer is not waited for again."""

CONNECT_GRACE = 1.5
"""Seconds all brokers must be down before the first connection is given up: a name may have two addresses, one dead."""

OUTAGE_GRACE = 8.0
"""The same once the cluster has answered before."""

PRODUCER_CONNECT_TIMEOUT = 0.5
"""Seconds to wait for the first connection of a transactional producer."""

POLL_INTERVAL = 0.1
"""Seconds between two checks of the connection's health while an answer is awaited."""

log = logging.getLogger("mqtui.kafka")
log.addHandler(logging.NullHandler())


class Health:
    """Whether the cluster is reachable, by the errors its clients report. Written in their threads, read anywhere."""

    def __init__(self) -> None:
        self.answered = False
        self._away: tuple[float, str] | None = None
        self._refused: KafkaError | None = None
        self._last = ""

    def on_error(self, error: KafkaError) -> None:
        """The `error_cb` of every client."""
        code = error.code()
        if code in AUTHENTICATION or code == KafkaError._SSL:
            self._refused = error
        elif code == KafkaError._ALL_BROKERS_DOWN:
            if self._away is None:
                self._away = (time.monotonic(), self._last or describe_error(error))
        elif code in UNREACHABLE:
            self._last = describe_error(error)

    def mark_ok(self) -> None:
        self.answered = True
        self.clear()

    def clear(self) -> None:
        self._away = self._refused = None

    def error(self) -> MqtuiError | None:
        """Why no answer is to be expected any more; None while there is hope."""
        refused, away = self._refused, self._away
        if refused is not None:
            return translate(refused, "connecting")
        if away is None or time.monotonic() - away[0] < (OUTAGE_GRACE if self.answered else CONNECT_GRACE):
            return None
        if self.answered:
            return BrokerTrouble("The cluster does not answer any more", away[1], "Try again when a broker is back.")
        return unreachable_error(away[1])


class KafkaClients:
    """The clients of one cluster: one admin client, consumers and producers. No I/O before the first call."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.prefix = address.prefix
        self.health = Health()
        self.connections = BrokerConnections(address)
        self.topology = NOT_LISTED
        """Brokers and leaders as of the last listing of all topics."""

        self._admin: BulkAdminClient | None = None
        self._admin_lock = threading.Lock()
        self._closed = threading.Event()
        self._skip_controller_until = 0.0
        self._tls_checked = False
        self._protocol_check: Future[MqtuiError | None] | None = None

    @property
    def preferred_codec(self) -> str:
        """compression.type from the user's own options; "" if they have none."""
        options = self.address.settings
        return options.get("compression.type") or options.get("compression.codec") or ""

    def client_config(self, role: str, **own: str | int | float | bool) -> dict[str, Any]:
        """The properties of one client. `own` adds librdkafka properties, written with `_` for the dots."""
        made: Properties = client_properties(self.address, role)
        made.update({name.replace("_", "."): value for name, value in own.items()})
        return {**made, "error_cb": self.health.on_error}

    async def admin(self) -> BulkAdminClient:
        """The admin client. It is created in a thread, because the server's certificate may be checked first."""
        return await as_asyncio(submit_to_thread("open", self.admin_blocking)) if self._admin is None else self._admin

    def admin_blocking(self) -> BulkAdminClient:
        """`admin` for a thread that may block. Another thread polls the client, so that its callbacks run."""
        with self._admin_lock:
            if self._admin is None:
                self._admin = self._create_client(lambda: BulkAdminClient(self.client_config("admin"), logger=log))
                admin, closed = self._admin, self._closed
                start_thread("admin", lambda: _poll_until_closed(admin, closed))
            return self._admin

    def create_consumer(self, role: str, **own: str | int | float | bool) -> Consumer:
        """A consumer for `assign`: it joins no group, commits no offset and creates no topic."""
        fixed: Properties = {
            "group_id": f"{self.prefix}.{role}",
            "enable_auto_commit": False,
            "enable_auto_offset_store": False,
            "enable_partition_eof": True,
            "auto_offset_reset": "earliest",
            "allow_auto_create_topics": False,
            "fetch_queue_backoff_ms": self.address.settings.get("fetch.queue.backoff.ms", QUEUE_BACKOFF),
        }
        return self._create_client(lambda: Consumer(self.client_config(role, **{**fixed, **own}), logger=log))

    def create_producer(self, role: str, **own: str | int | float | bool) -> Producer:
        """An idempotent producer with the partitioner of the Java client (K6)."""
        fixed: Properties = {"enable_idempotence": True, "acks": "all", "partitioner": "murmur2_random"}
        return self._create_client(lambda: Producer(self.client_config(role, **{**fixed, **own}), logger=log))

    def controller_answers(self, pending: Iterable[Future[Any]]) -> bool:
        """Whether the controller answers within `FALLBACK_AFTER` seconds; if not, another broker may (K19). Blocks.

        Also True if no broker is reachable. After a False it is not waited for within `CONTROLLER_BACKOFF` seconds.
        """
        wait = FALLBACK_AFTER if time.monotonic() > self._skip_controller_until else 0.0
        if futures.wait(list(pending), wait, futures.FIRST_COMPLETED).done or self.health.error() is not None:
            return True
        self._skip_controller_until = time.monotonic() + CONTROLLER_BACKOFF
        log_retry("kafka", "a question to the controller", "it does not answer, another broker is asked")
        return False

    async def await_answer(self, future: Future[Result], action: str) -> Result:
        """The result of a client's future, or the domain error as soon as no answer is to be expected."""
        answer = await self._await_answer(future, action)
        self.health.mark_ok()
        return answer

    async def _await_answer(self, future: Future[Result], action: str) -> Result:
        waiting, began = as_asyncio(future), time.monotonic()
        with log_request("kafka", lambda: action):
            while not (await asyncio.wait({waiting}, timeout=POLL_INTERVAL))[0]:
                if (trouble := self.health.error()) is not None:
                    raise await self._explain(trouble)
                if not self.health.answered and time.monotonic() > began + protocol_probe.PROBE_AFTER:
                    self._check_protocol()
            try:
                answer = waiting.result()
            except KafkaException as error:
                raise await self._explain(self.translate(error, action)) from error
        return answer

    def _check_protocol(self) -> None:
        """Probe once, in the background, whether the address speaks another protocol; raise what was found by now.

        Raises:
            CannotConnect: it speaks another protocol.
        """
        if self._protocol_check is None:
            self._protocol_check = submit_to_thread("probe", lambda: detect_protocol(self.address))
        if self._protocol_check.done() and (wrong := self._protocol_check.result()) is not None:
            raise wrong

    async def run_in_thread(self, action: str, function: Callable[[], Result]) -> Result:
        """The result of a blocking function, called in a thread of its own, with errors translated."""
        return await self.await_answer(submit_to_thread("call", function), action)

    async def run_bootstrap_call(self, action: str, function: Callable[[], Result]) -> Result:
        """`run_in_thread` for a request to the bootstrap servers: its answer proves nothing about the other brokers."""
        answer = await self._await_answer(submit_to_thread("call", function), action)
        self.health.clear()
        return answer

    def translate(self, error: KafkaException, action: str) -> MqtuiError:
        """The domain error of a request; for a timeout, the connection's own error if there is one."""
        found = translate(error, action)
        return (self.health.error() or found) if isinstance(found, TimedOut) else found

    async def _explain(self, error: MqtuiError) -> MqtuiError:
        return await as_asyncio(submit_to_thread("probe", lambda: self.explain(error)))

    def explain(self, error: MqtuiError) -> MqtuiError:
        """The error, replaced by its cause if probing the listeners finds one. Blocks."""
        return explain(self.address, error) if isinstance(error, CannotConnect) else error

    @contextmanager
    def translate_errors(self, action: str) -> Iterator[None]:
        """Raise librdkafka's errors of the block as domain errors. Blocks while it looks for the cause."""
        try:
            yield
        except KafkaException as error:
            raise self.explain(self.translate(error, action)) from error

    async def close(self) -> None:
        """Close the connections and release the admin client; its threads end by themselves."""
        self._closed.set()
        self.connections.close()
        with self._admin_lock:
            self._admin = None

    def _create_client(self, create: Callable[[], Result]) -> Result:
        self._check_tls()
        try:
            return create()
        except KafkaException as error:
            raise translate(error, "reading the options") from error

    def _check_tls(self) -> None:
        """Check, before the first client, the files of the TLS options, and an expected server name that differs from
        the host: librdkafka can't check that one.

        Raises:
            TlsRefused: a file can't be used, or a server of the address has another name.
        """
        if self._tls_checked or (wanted := tls_settings(self.address)) is None:
            return
        wanted.context()
        if wanted.server_name:
            for host, port in self.address.hosts:
                cause = protocol_probe.explain_certificate_failure(ProbeTarget(host, port, "Kafka", wanted), wanted)
                if cause is not None:
                    raise cause
        self._tls_checked = True


def answer_blocking(future: Future[Result]) -> Result:
    """The result of an admin request. Blocks.

    Raises:
        KafkaException: the broker's error, or `_TIMED_OUT` if no answer came.
    """
    try:
        return future.result(ANSWER_TIMEOUT)
    except TimeoutError as error:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer within {ANSWER_TIMEOUT:.0f} s")) from error


def wait_for_connection(producer: Producer) -> None:
    """Wait for a transactional producer's first connection, for `PRODUCER_CONNECT_TIMEOUT` at most. Blocks.

    Without one `init_transactions` looks for the coordinator only half a second later (librdkafka's
    `rd_kafka_txn_coord_timer_start`) [0.5 s in a third of all runs, else 0.03 s].
    """
    with suppress(KafkaException):
        producer.cluster_id(PRODUCER_CONNECT_TIMEOUT)


def _poll_until_closed(admin: BulkAdminClient, closed: threading.Event) -> None:
    while not closed.is_set():
        admin.poll(0.5)
