"""One cluster's admin client, made by the first call, and the settings of all further clients."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from mqtui.brokers import protocol_probe
from mqtui.brokers.blocking import as_asyncio, start_thread, submit_to_thread
from mqtui.brokers.kafka.config import Settings, settings, tls_of
from mqtui.brokers.kafka.connection.bulk_admin import BulkAdminClient
from mqtui.brokers.kafka.connection.diagnosis import explained, recognised
from mqtui.brokers.kafka.errors import AWAY, LOGIN, said_of, translate, unreachable
from mqtui.brokers.port import Address
from mqtui.brokers.protocol_probe import ProbeTarget
from mqtui.brokers.request_log import log_request, log_retry
from mqtui.domain.errors import BrokerTrouble, CannotConnect, MqtuiError, TimedOut

Result = TypeVar("Result")

ANSWER = 15.0
"""Seconds an admin request may take."""

LATEST = ANSWER + 5.0
"""Seconds after which a request is given up that librdkafka did not end by itself."""

SOON = 2.0
"""Seconds after which another broker is asked instead of the controller. librdkafka asks it of topics and settings,
and in KRaft it is any broker, also one that has no address on this listener [`Failed while waiting for controller`]."""

QUEUE_BACKOFF = 10
"""Milliseconds for which librdkafka fetches nothing of a partition once enough is queued of all. Its own 1,000 are what
a look waits whose few records come from other partitions first [a look into 200 topics: 0.1 s, 1.1 s or 2.1 s]."""

SILENCE = 30.0

GRACE = 1.5
"""Seconds all brokers must be away before the first answer is given up: a name may have two addresses, one dead."""

OUTAGE = 8.0
"""The same once the cluster has answered."""

LOOK = 0.1

log = logging.getLogger("mqtui.kafka")
log.addHandler(logging.NullHandler())


class Health:
    """What the clients of one cluster said about their connections. Written by their threads, read by everyone."""

    def __init__(self) -> None:
        self.answered = False
        self._away: tuple[float, str] | None = None
        self._refused: KafkaError | None = None
        self._last = ""

    def note(self, error: KafkaError) -> None:
        """What `error_cb` is told."""
        code = error.code()
        if code in LOGIN or code == KafkaError._SSL:
            self._refused = error
        elif code == KafkaError._ALL_BROKERS_DOWN:
            if self._away is None:
                self._away = (time.monotonic(), self._last or said_of(error))
        elif code in AWAY:
            self._last = said_of(error)

    def well(self) -> None:
        """An answer came."""
        self.answered = True
        self.forget()

    def forget(self) -> None:
        """What was said before counts no more."""
        self._away = self._refused = None

    def verdict(self) -> MqtuiError | None:
        """Why waiting is in vain, if it is."""
        refused, away = self._refused, self._away
        if refused is not None:
            return translate(refused, "connecting")
        if away is None or time.monotonic() - away[0] < (OUTAGE if self.answered else GRACE):
            return None
        if self.answered:
            return BrokerTrouble("The cluster does not answer any more", away[1], "Try again when a broker is back.")
        return unreachable(away[1])


class Connection:
    """Makes clients and asks questions. No I/O before the first question."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.prefix = address.prefix
        self.health = Health()
        self._admin: BulkAdminClient | None = None
        self._making = threading.Lock()
        self._closed = threading.Event()
        self._silent_until = 0.0
        self._tls_checked = False
        self._recognised: Future[MqtuiError | None] | None = None

    @property
    def codec(self) -> str:
        """What the user's own options say to compress with; "" where they say nothing."""
        options = self.address.settings
        return options.get("compression.type") or options.get("compression.codec") or ""

    def settings(self, role: str, **own: str | int | float | bool) -> dict[str, Any]:
        """The properties of one client, by librdkafka's names; `own` are written with `_` for the dots."""
        made: Settings = settings(self.address, role)
        made.update({name.replace("_", "."): value for name, value in own.items()})
        return {**made, "error_cb": self.health.note}

    async def opened(self) -> BulkAdminClient:
        """The one admin client. It is made in a thread: the server's name may have to be asked for first."""
        return await as_asyncio(submit_to_thread("open", self.admin)) if self._admin is None else self._admin

    def admin(self) -> BulkAdminClient:
        """The same in a thread that may block, polled by one of its own so that log and errors go where they belong."""
        with self._making:
            if self._admin is None:
                self._admin = self._make(lambda: BulkAdminClient(self.settings("admin"), logger=log))
                admin, closed = self._admin, self._closed
                start_thread("admin", lambda: _poll(admin, closed))
            return self._admin

    def consumer(self, role: str, **own: str | int | float | bool) -> Consumer:
        """A consumer that joins no group, commits nothing and creates nothing."""
        fixed: Settings = {
            "group_id": f"{self.prefix}.{role}",
            "enable_auto_commit": False,
            "enable_auto_offset_store": False,
            "enable_partition_eof": True,
            "auto_offset_reset": "earliest",
            "allow_auto_create_topics": False,
            "fetch_queue_backoff_ms": self.address.settings.get("fetch.queue.backoff.ms", QUEUE_BACKOFF),
        }
        return self._make(lambda: Consumer(self.settings(role, **{**fixed, **own}), logger=log))

    def producer(self, role: str, **own: str | int | float | bool) -> Producer:
        """An idempotent producer that puts a key where Java's puts it (K6)."""
        fixed: Settings = {"enable_idempotence": True, "acks": "all", "partitioner": "murmur2_random"}
        return self._make(lambda: Producer(self.settings(role, **{**fixed, **own}), logger=log))

    def controller_answers(self, promises: Iterable[Future[Any]]) -> bool:
        """Whether the controller answers soon, in a thread that may block; if not, another broker may know (K19).

        True as well where no broker can be talked to. It is not waited for again within `SILENCE` seconds.
        """
        wait = SOON if time.monotonic() > self._silent_until else 0.0
        if futures.wait(list(promises), wait, futures.FIRST_COMPLETED).done or self.health.verdict() is not None:
            return True
        self._silent_until = time.monotonic() + SILENCE
        log_retry("kafka", "a question to the controller", "it does not answer, another broker is asked")
        return False

    async def ask(self, promise: Future[Result], doing: str) -> Result:
        """The answer, or the domain's error as soon as waiting for it is in vain."""
        answer = await self._answer(promise, doing)
        self.health.well()
        return answer

    async def _answer(self, promise: Future[Result], doing: str) -> Result:
        waiting, began = as_asyncio(promise), time.monotonic()
        with log_request("kafka", lambda: doing):
            while not (await asyncio.wait({waiting}, timeout=LOOK))[0]:
                if (trouble := self.health.verdict()) is not None:
                    raise await self._explained(trouble)
                if not self.health.answered and time.monotonic() > began + protocol_probe.PROBE_AFTER:
                    self._recognise()
            try:
                answer = waiting.result()
            except KafkaException as error:
                raise await self._explained(self.translate(error, doing)) from error
        return answer

    def _recognise(self) -> None:
        """Ask the listeners once what they speak, and see what they said.

        Raises:
            CannotConnect: they speak something else.
        """
        if self._recognised is None:
            self._recognised = submit_to_thread("probe", lambda: recognised(self.address))
        if self._recognised.done() and (wrong := self._recognised.result()) is not None:
            raise wrong

    async def call(self, doing: str, work: Callable[[], Result]) -> Result:
        """The result of a blocking call in a thread of its own."""
        return await self.ask(submit_to_thread("call", work), doing)

    async def call_bootstrap(self, doing: str, work: Callable[[], Result]) -> Result:
        """The same of a question that the address itself answers: of the brokers it names nothing is known yet."""
        answer = await self._answer(submit_to_thread("call", work), doing)
        self.health.forget()
        return answer

    def translate(self, error: KafkaException, doing: str) -> MqtuiError:
        """The error of an answer; one that only ran out of time may have a better reason."""
        found = translate(error, doing)
        return (self.health.verdict() or found) if isinstance(found, TimedOut) else found

    async def _explained(self, error: MqtuiError) -> MqtuiError:
        return await as_asyncio(submit_to_thread("probe", lambda: self.explained(error)))

    def explained(self, error: MqtuiError) -> MqtuiError:
        """The error with its cause, which the listeners are asked for; in a thread that may block."""
        return explained(self.address, error) if isinstance(error, CannotConnect) else error

    @contextmanager
    def translating(self, doing: str) -> Iterator[None]:
        """Let librdkafka's errors leave as the domain's, in a thread that may block."""
        try:
            yield
        except KafkaException as error:
            raise self.explained(self.translate(error, doing)) from error

    async def close(self) -> None:
        """Let go of the admin client; its threads end by themselves."""
        self._closed.set()
        with self._making:
            self._admin = None

    def _make(self, maker: Callable[[], Result]) -> Result:
        self._check_tls()
        try:
            return maker()
        except KafkaException as error:
            raise translate(error, "reading the options") from error

    def _check_tls(self) -> None:
        """Once, before the first client: the files of the TLS options, and the server's name where it is not the
        address's, which librdkafka can't look for.

        Raises:
            TlsRefused: a file can't be used, or a server of the address has another name.
        """
        if self._tls_checked or (wanted := tls_of(self.address)) is None:
            return
        wanted.context()
        if wanted.server_name:
            for host, port in self.address.hosts:
                cause = protocol_probe.explain_certificate_failure(ProbeTarget(host, port, "Kafka", wanted), wanted)
                if cause is not None:
                    raise cause
        self._tls_checked = True


def answer_of(promise: Future[Result]) -> Result:
    """What an admin request answered, in a thread that may block.

    Raises:
        KafkaException: the broker's error; `_TIMED_OUT` where no answer came, which says nothing about what there is.
    """
    try:
        return promise.result(LATEST)
    except TimeoutError as error:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer within {LATEST:.0f} s")) from error


def _poll(admin: BulkAdminClient, closed: threading.Event) -> None:
    while not closed.is_set():
        admin.poll(0.5)
