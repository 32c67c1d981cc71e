"""The servers of one run: started side by side, each usable as soon as it answers."""

import queue
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mqtui.demo.servers import kafka, kafka_cache, rabbitmq, redis, registry
from mqtui.demo.servers.errors import BorrowedServer, ServerFailed, ServersClosed, ServerTrouble
from mqtui.demo.servers.external_brokers import external_url
from mqtui.demo.servers.progress import Progress, Tell, tell_nobody
from mqtui.demo.servers.server_spec import ServerSpec
from mqtui.demo.servers.supervisor_client import SupervisorClient

KINDS = ("kafka", "rabbitmq", "redis")
_STOPPING = 30.0
_KILLING = 10.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """One of several servers that were started side by side: its URL, or else why it is not there."""

    kind: str
    url: str | None
    trouble: ServerTrouble | None


class Servers:
    """Private servers, gone with this process. Every method may be called from any thread and blocks.

    ``folder`` is where the private folder is made (the system's place for temporary files); ``progress`` is called
    from the starting threads. A server is told by its name, by default its kind: an unknown one raises KeyError, one
    that is taken ValueError, a borrowed one that is to be stopped BorrowedServer. All raise ServersClosed once the
    servers are closed.
    """

    def __init__(self, folder: Path | None = None, progress: Tell = tell_nobody) -> None:
        self._kept = SupervisorClient(folder)
        self._progress = progress
        self._closing = threading.Event()
        self._recipes: dict[str, ServerSpec] = {}
        self._borrowed: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """The private folder; a server's data and log are in the folder of its name."""
        return self._kept.folder

    @property
    def supervisor_pid(self) -> int:
        """The process that ends everything when this one is gone."""
        return self._kept.pid

    def close(self) -> None:
        """End every server and remove the folder; takes up to 3 s. A second call does nothing."""
        self._closing.set()
        self._kept.close()

    # --- starting

    def start_each(self, kinds: Sequence[str] = KINDS) -> Iterator[Arrival]:
        """Start several kinds side by side and yield each as soon as it can be used, or is known not to come."""
        arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        start: dict[str, Callable[[], str]] = {
            "kafka": self.start_kafka,
            "rabbitmq": self.start_rabbitmq,
            "redis": self.start_redis,
        }

        def bring(kind: str) -> None:
            arrival = Arrival(kind, None, ServerFailed(f"{kind} was not started: see the traceback on stderr"))
            try:
                arrival = Arrival(kind, start[kind](), None)
            except ServerTrouble as trouble:
                arrival = Arrival(kind, None, trouble)
            except OSError as error:
                arrival = Arrival(kind, None, ServerFailed(f"{kind} was not started: {error}"))
            finally:
                arrivals.put(arrival)

        for kind in kinds:
            threading.Thread(target=bring, args=(kind,), name=f"start-{kind}", daemon=True).start()
        for _ in kinds:
            yield arrivals.get()

    def start_all(self, kinds: Sequence[str] = KINDS) -> dict[str, str]:
        """Start several kinds side by side and return their URLs by kind. Raises the first trouble."""
        urls = {}
        for arrival in self.start_each(kinds):
            if arrival.trouble is not None:
                raise arrival.trouble
            urls[arrival.kind] = str(arrival.url)
        return urls

    def start_kafka(
        self,
        name: str = "kafka",
        *,
        config: Sequence[str] = (),
        sasl_users: Mapping[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        joins: str | None = None,
        java_flags: Sequence[str] = (),
    ) -> str:
        """Start a Kafka node and return its URL, that of the plain listener.

        ``config`` are lines of server.properties. ``sasl_users`` (passwords by user) opens the port ``sasl``
        (SASL_PLAINTEXT, PLAIN) with ACLs; the plain listener is above them. ``listeners`` are further ones (see
        kafka.recipe). ``joins`` names a running node: this one is the second broker of its cluster. ``java_flags``
        are Java's, such as ``-Xmx1g`` where there is much in it. Raises KafkaMissing, ServerFailed.
        """
        if name == "kafka" and not config and not sasl_users and (url := self._borrow("kafka")):
            return url
        self._check_new(name)
        installed = kafka_cache.prepare(self._kept, self._tell)
        return self._start(
            kafka.server_spec(
                name,
                self.folder / name,
                installed.runtime,
                home=installed.home,
                jars=installed.jars,
                flags=(*installed.flags, *java_flags),
                config=config,
                sasl_users=sasl_users,
                listeners=listeners,
                joins=None if joins is None else self._own(joins),
            )
        )

    def start_rabbitmq(
        self,
        name: str = "rabbitmq",
        *,
        config: Sequence[str] = (),
        script: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Start a RabbitMQ node with management, streams and shovels, and return its URL.

        ``config`` are lines of rabbitmq.conf; ``script`` and ``env`` run another release (see rabbitmq.recipe).
        Raises RabbitMQMissing, ServerFailed.
        """
        if name == "rabbitmq" and not config and script is None and (url := self._borrow("rabbitmq")):
            return url
        self._check_new(name)
        return self._start(rabbitmq.server_spec(name, self.folder / name, config=config, script=script, env=env))

    def start_redis(self, name: str = "redis", *, config: Sequence[str] = (), server: Path | None = None) -> str:
        """Start a Redis server and return its URL; ``config`` are lines of redis.conf, ``server`` another program.

        Raises RedisMissing, ServerFailed.
        """
        if name == "redis" and not config and server is None and (url := self._borrow("redis")):
            return url
        self._check_new(name)
        return self._start(redis.server_spec(name, self.folder / name, config=config, server=server))

    def start_registry(self, name: str = "registry") -> str:
        """Start a schema registry and return the URL of its API, which is Confluent's.

        Raises RegistryMissing, ServerFailed.
        """
        self._check_new(name)
        runtime, app = registry.prepare(self._tell)
        return self._start(registry.server_spec(name, self.folder / name, runtime, app))

    # --- a server that is there

    def url(self, name: str) -> str:
        """Return the URL of a started or borrowed server. Raises KeyError for an unknown name."""
        return self._borrowed.get(name) or self._recipes[name].url

    def ports(self, name: str) -> Mapping[str, int]:
        """Return the ports by listener: kafka, sasl, controller; amqp, management, stream; redis."""
        return self._own(name).ports

    def log(self, name: str) -> Path:
        """Return the file with everything the server wrote to its terminal."""
        return self._own(name).main.log

    def stop(self, name: str) -> None:
        """End a server in order (SIGTERM, SIGKILL after 30 s) and keep its port and data for ``restart``."""
        self._end(self._own(name), signal.SIGTERM)

    def kill(self, name: str) -> None:
        """End a server with SIGKILL and keep its port and data for ``restart``."""
        self._end(self._own(name), signal.SIGKILL)

    def restart(self, name: str) -> None:
        """Start a stopped or killed server on the same ports and data; return when it answers."""
        recipe = self._own(name)
        self._end(recipe, signal.SIGTERM)
        self._kept.start(recipe.main)
        self._await(recipe)

    def discard(self, name: str) -> None:
        """Kill a server and forget it with all its data."""
        recipe = self._own(name)
        for process in (recipe.main, *recipe.beside):
            self._kept.signal(process.name, signal.SIGKILL)
        for process in (recipe.main, *recipe.beside):
            self._kept.wait(process.name, _KILLING)
        shutil.rmtree(recipe.main.cwd, ignore_errors=True)
        del self._recipes[name]

    def pause(self, name: str) -> None:
        """Freeze a server (SIGSTOP): it keeps its connections and says nothing."""
        self._kept.signal(self._own(name).name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a frozen server go on (SIGCONT)."""
        self._kept.signal(self._own(name).name, signal.SIGCONT)

    # ---

    def _borrow(self, kind: str) -> str | None:
        url = external_url(kind)
        if url:
            self._borrowed[kind] = url
            self._tell(Progress(kind, "ready"))
        return url

    def _check_new(self, name: str) -> None:
        if self._closing.is_set():
            raise ServersClosed("the servers were closed")
        if name in self._recipes or name in self._borrowed:
            raise ValueError(f"there is a server {name} already")

    def _own(self, name: str) -> ServerSpec:
        if name in self._borrowed:
            raise BorrowedServer(f"{name} was not started here and is left alone")
        return self._recipes[name]

    def _start(self, recipe: ServerSpec) -> str:
        self._tell(Progress(recipe.name, "starting"))
        self._recipes[recipe.name] = recipe
        try:
            for process in (*recipe.beside, recipe.main):
                self._kept.start(process)
            self._await(recipe)
        except ServerFailed:
            self.discard(recipe.name)
            raise
        self._tell(Progress(recipe.name, "ready"))
        return recipe.url

    def _await(self, recipe: ServerSpec) -> None:
        until = time.monotonic() + recipe.patience
        while not recipe.answers():
            code = self._kept.code(recipe.name)
            if code is not None:
                raise ServerFailed(f"{recipe.name} ended with {code} before it answered: {_tail(recipe.main.log)}")
            if time.monotonic() > until:
                raise ServerFailed(
                    f"{recipe.name} did not answer within {recipe.patience:.0f} s: {_tail(recipe.main.log)}"
                )
            if self._closing.wait(0.03):
                raise ServersClosed("the servers were closed")

    def _end(self, recipe: ServerSpec, number: int) -> None:
        self._kept.signal(recipe.name, number)
        if number == signal.SIGTERM:
            self._kept.signal(recipe.name, signal.SIGCONT)
            if self._kept.wait(recipe.name, _STOPPING) is not None:
                return
            self._kept.signal(recipe.name, signal.SIGKILL)
        if self._kept.wait(recipe.name, _KILLING) is None:
            raise ServerFailed(f"{recipe.name} survived SIGKILL")

    def _tell(self, progress: Progress) -> None:
        if self._closing.is_set():
            raise ServersClosed("the servers were closed")
        self._progress(progress)


def _tail(log: Path) -> str:
    """Return the last lines of a log, at most 1,500 characters."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-1500:].strip()
    except OSError as error:
        return f"no log: {error}"
