"""A demo from its first process to its last: real brokers and the shop on them, gone together.

::

    with DemoSession(["kafka", "redis"]) as session:
        for opened in session.openings():          # as each is seeded, the fastest first
            print(opened.kind, opened.url, opened.trouble, opened.remedy)
        print(session.trouble().sentences)

The shop runs in one process a broker (``python -m mqtui.demo.shop``), which ends when the pipe to its standard input
does: with this process, even by ``kill -9``. The brokers are kept by ``mqtui.demo.servers``.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from mqtui.demo.servers import KINDS, Arrival, KafkaMissing, Servers
from mqtui.demo.servers.errors import ServerTrouble
from mqtui.demo.servers.external_brokers import VARIABLES
from mqtui.demo.servers.progress import Tell, tell_nobody
from mqtui.demo.shop.demo_summary import Trouble, what_is_wrong
from mqtui.demo.shop.names import KafkaNames
from mqtui.demo.shop.spec import Spec

_SEED_SECONDS: Final = 90.0
_GOODBYE_SECONDS: Final = 4.0
REGISTRY: Final = "registry"
"""The schema registry's name among the servers."""

WITH_REGISTRY: Final = "kafka"
"""The kind of broker whose bodies it has the schemas of."""

_SHOP: Final = "mqtui.demo.shop"
_MOCK_KAFKA: Final = "mqtui.demo.shop.mock_kafka"


@dataclass(frozen=True, slots=True)
class DemoBroker:
    """A broker with the shop on it, or why it is not there.

    ``letters`` are the dead letters by destination. ``trouble`` is None where all is well, ``remedy`` what to do about
    it. Both a URL and trouble: Kafka's jars can't be had, and librdkafka's mock cluster stands in (peek, tail and
    publish only). ``registry`` is the URL of Kafka's schema registry.
    """

    kind: str
    url: str | None
    letters: dict[str, int] = field(default_factory=dict)
    trouble: str | None = None
    remedy: str = ""
    registry: str = ""

    @property
    def target(self) -> str | None:
        """The URL with the schema registry, as mqtui's command line takes it."""
        if not (self.url and self.registry):
            return self.url
        return f"{self.url}{'&' if '?' in self.url else '?'}schema.registry={self.registry}"


class DemoSession:
    """Brokers and shop of one demo. ``progress`` is called from the threads that start the brokers.

    ``prefix`` goes before every name the shop makes: none on brokers of our own; on one that somebody lends us
    (``MQTUI_KAFKA`` ...) a fresh ``demo-xxxx.``. ``fernet_key`` seals the shop's encrypted bodies. ``real_registry``
    starts Apicurio, a large download the first time, in place of the shop's small stand-in.
    """

    def __init__(
        self,
        kinds: Sequence[str] = KINDS,
        *,
        folder: Path | None = None,
        progress: Tell = tell_nobody,
        real_registry: bool = False,
    ):
        self._real_registry = real_registry
        self.kinds = tuple(kinds)
        self.fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        self.prefix = f"demo-{secrets.token_hex(2)}." if any(os.environ.get(VARIABLES[kind]) for kind in kinds) else ""
        self.servers = Servers(folder, progress)
        self.opened: dict[str, DemoBroker] = {}
        self._shops: list[subprocess.Popen[bytes]] = []
        self._door = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def openings(self) -> Iterator[DemoBroker]:
        """Start all brokers side by side and yield each when the shop has seeded it, or when it will not come."""
        openings: queue.SimpleQueue[DemoBroker] = queue.SimpleQueue()
        threading.Thread(target=self._open_each, args=(openings,), daemon=True).start()
        for _kind in self.kinds:
            opened = openings.get()
            self.opened[opened.kind] = opened
            yield opened

    def urls(self) -> dict[str, str]:
        """Give the URLs of the brokers that are there, by kind."""
        return {kind: one.url for kind, one in self.opened.items() if one.url is not None}

    def shop_pids(self) -> tuple[int, ...]:
        """Give the processes of the shop, one a broker."""
        with self._door:
            return tuple(shop.pid for shop in self._shops)

    def trouble(self) -> Trouble:
        """Say what is wrong in the shop on the brokers that are there, and what to try."""
        urls = self.urls()
        stand_in = urls.pop("kafka") if self._kafka_is_a_stand_in() else None
        told = what_is_wrong(urls, self.prefix)
        if stand_in is None:
            return told
        sentence = "Kafka is a stand-in that serves peek, tail and publish only: " + str(self.opened["kafka"].trouble)
        command = f"mqtui peek {stand_in} {KafkaNames(self.prefix).orders_dlq}"
        return Trouble((sentence, *told.sentences), (command, *told.commands[:2]))

    def close(self) -> None:
        """End the shop, then the brokers; takes up to 7 s. A second call does nothing."""
        with self._door:
            self._closed = True
            shops, self._shops = self._shops, []
        for shop in shops:
            if shop.stdin is not None:
                shop.stdin.close()
        for shop in shops:
            _see_off(shop)
        self.servers.close()

    def _kafka_is_a_stand_in(self) -> bool:
        kafka = self.opened.get("kafka")
        return kafka is not None and kafka.url is not None and kafka.trouble is not None

    def _open_each(self, openings: queue.SimpleQueue[DemoBroker]) -> None:
        for arrival in self.servers.start_each(self.kinds):
            bring = threading.Thread(target=lambda one=arrival: openings.put(self._open(one)), daemon=True)
            bring.start()

    def _open(self, arrival: Arrival) -> DemoBroker:
        if arrival.url is not None:
            return self._seed(arrival.kind, arrival.url)
        reason, remedy = str(arrival.trouble), arrival.trouble.remedy if arrival.trouble else ""
        if isinstance(arrival.trouble, KafkaMissing):
            news = self._run("kafka", _MOCK_KAFKA, b"")
            if "bootstrap" in news:
                return DemoBroker("kafka", f"kafka://{news['bootstrap']}", news["letters"], reason, remedy)
        return DemoBroker(arrival.kind, None, trouble=reason, remedy=remedy)

    def _seed(self, kind: str, url: str) -> DemoBroker:
        registry = None
        if kind == WITH_REGISTRY and self._real_registry:
            try:
                registry = self.servers.start_registry(REGISTRY)
            except ServerTrouble as error:
                return DemoBroker(kind, None, trouble=str(error), remedy=error.remedy)
        spec = Spec(fernet_key=self.fernet_key, prefix=self.prefix, registry=registry, **{kind: url})
        news = self._run(kind, _SHOP, spec.to_line())
        if "seeded" in news:
            return DemoBroker(kind, url, news["letters"], registry=news.get("registry", ""))
        return DemoBroker(kind, None, trouble=f"the shop could not open: {news['error']}")

    def _run(self, kind: str, module: str, first_line: bytes) -> dict[str, Any]:
        """Start a process of the shop and give the first line it says, or else ``error``."""
        log = self.servers.folder / f"shop-{kind}.log"
        with self._door:
            if self._closed:
                return {"error": "the demo was closed"}
            shop = _start(module, log)
            self._shops.append(shop)
        patience = threading.Timer(_SEED_SECONDS, shop.kill)
        patience.start()
        try:
            line = _first_answer(shop, first_line)
        finally:
            patience.cancel()
        if line:
            return dict(json.loads(line))
        return {"error": f"it ended early or took over {_SEED_SECONDS:.0f} s; {log.read_text(errors='replace')[-500:]}"}


def _start(module: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as stderr:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )


def _first_answer(shop: subprocess.Popen[bytes], question: bytes) -> bytes:
    if shop.stdin is None or shop.stdout is None:
        raise AssertionError("the shop was started without pipes")
    try:
        shop.stdin.write(question)
        shop.stdin.flush()
    except BrokenPipeError:
        return b""
    return shop.stdout.readline()


def _see_off(shop: subprocess.Popen[bytes]) -> None:
    try:
        shop.wait(_GOODBYE_SECONDS)
    except subprocess.TimeoutExpired:
        shop.kill()
        shop.wait()
    if shop.stdout is not None:
        shop.stdout.close()
