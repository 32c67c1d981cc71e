"""Which server holds a key: one server, the primary that sentinels name, or the nodes of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import TypeVar
from urllib.parse import quote
from weakref import WeakSet

from redis.exceptions import RedisError

from mqtui.brokers.port import Address
from mqtui.brokers.redis.errors import RepliesLost, code_of
from mqtui.brokers.redis.options import Options
from mqtui.brokers.redis.replies import Answer, Reply, items, number, sure, text
from mqtui.brokers.redis.slots import slot
from mqtui.brokers.redis.wire import Command, Wire, primary_by, wire_to
from mqtui.brokers.request_log import log_retry
from mqtui.domain.errors import BrokerTrouble, CannotConnect, MqtuiError, TimedOut, Unreachable

Given = TypeVar("Given")
PAUSE = 0.1
LATER = ("LOADING", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN")
ELSEWHERE = ("MOVED", "READONLY", "CLUSTERDOWN", "MASTERDOWN")
IDLE_WIRES = 4
TRUSTED = 5.0
"""Seconds for which the sentinels' word is taken."""


class Node:
    """One server and the idle connections to it. For questions only: a lost reply is asked again once.

    `told_by` is who named its address, where the user did not.
    """

    def __init__(self, fresh: Callable[[], Wire], told_by: str = "") -> None:
        self._fresh = fresh
        self._told_by = told_by
        self._idle: list[Wire] = []
        self._made: WeakSet[Wire] = WeakSet()
        self._keeping = True
        self._role_asked = False

    async def wire(self) -> Wire:
        """A new connection of one's own, to be closed by whoever asked.

        Raises:
            CannotConnect, BrokerTrouble: no conversation, or the adapter was closed.
        """
        if not self._keeping:
            raise CannotConnect("The connection was closed", "The adapter was closed meanwhile.")
        fresh = self._fresh()
        try:
            wire = await fresh.open()
        except Unreachable as error:
            raise self._astray(error, fresh.where) if self._told_by else error from error
        self._made.add(wire)
        return wire

    def _astray(self, error: Unreachable, where: str) -> Unreachable:
        """An address that the user never gave can't be reached: whoever named it has to name another."""
        return Unreachable(
            f"{self._told_by} says that a server is at {where}, and that can't be reached",
            " ".join(part for part in (error.title, error.detail) if part),
            "Its cluster-announce-ip, replica-announce-ip or announced hostname must be reachable from here.",
        )

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[Wire]:
        """A connection for some questions; it is kept for the next ones unless they failed."""
        wire = self._idle.pop() if self._idle else await self.wire()
        kept = False
        try:
            yield wire
            kept = wire.alive and self._keeping and len(self._idle) < IDLE_WIRES
        finally:
            if kept:
                self._idle.append(wire)
            else:
                await wire.close()

    async def pipe(self, commands: Sequence[Command], *, patience: float | None = None) -> list[Answer]:
        """The replies to several questions.

        Raises:
            CannotConnect, BrokerTrouble: no conversation, or it broke twice.
            TimedOut: no answer in time.
        """
        try:
            async with self.borrowed() as wire:
                answers = await wire.pipe(commands, patience=patience)
                await self._refuse_sentinel(wire, answers)
                return answers
        except RepliesLost as lost:
            if lost.late:
                raise TimedOut("Redis did not answer in time", lost.title, "It is busy, or frozen.") from lost
            log_retry("redis", "a question", lost.title)
            await self.close()
        try:
            async with self.borrowed() as wire:
                return await wire.pipe(commands, patience=patience)
        except RepliesLost as lost:
            raise BrokerTrouble(lost.title, lost.detail, "Is the server overloaded, or going down?") from lost

    async def _refuse_sentinel(self, wire: Wire, answers: Sequence[Answer]) -> None:
        """A Sentinel knows no stream; a server that lacks a command is asked once whether it is one."""
        refused = [str(each) for each in answers if isinstance(each, RedisError)]
        if self._role_asked or not any("unknown command" in each for each in refused):
            return
        (told,) = await wire.pipe([("ROLE",)])
        if isinstance(told, list) and told[:1] == [b"sentinel"]:
            watched = [text(name) for name in items(told[1])]
            ways = " or ".join(f"redis+sentinel://{wire.where}/{quote(name, safe='')}" for name in watched[:3])
            title = f"{wire.where} is a Sentinel, which holds no streams itself"
            hint = f"Write {ways}." if ways else ""
            raise CannotConnect(title, f"It watches {', '.join(watched) or 'nothing'}.", hint)
        self._role_asked = True

    async def ask(self, *command: bytes | str | int, name: str = "") -> Reply:
        """One question's reply; `name` is what an error is about.

        Raises:
            MqtuiError: no conversation, or the server's refusal.
        """
        return sure((await self.pipe([command]))[0], str(command[0]), name)

    async def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        for wire in idle:
            await wire.close()

    async def retire(self) -> None:
        """Close every connection, also those that others hold, and open no more."""
        self._keeping = False
        for wire in list(self._made):
            await wire.close()
        self._idle = []


class Nodes:
    """All servers of an address. One place for a plain server; `Sentinel` and `Cluster` find theirs."""

    clustered = False
    teller = "The server"
    """Who names servers that the address does not."""

    def __init__(self, address: Address, options: Options) -> None:
        self.address = address
        self.options = options
        self._known: dict[tuple[str, int], Node] = {}

    async def of(self, key: bytes) -> Node:
        """The node that holds a key and takes its writes."""
        return self._node(*self.address.hosts[0])

    async def primaries(self) -> list[Node]:
        """Every node that holds keys."""
        return [await self.of(b"")]

    async def forget(self) -> None:
        """What was known of the servers may be out of date: find them anew."""
        for node in list(self._known.values()):
            await node.close()

    async def ask(self, key: bytes, *command: bytes | str | int, name: str = "") -> Reply:
        """The reply to a question about one key, from whichever node holds it now."""
        return sure((await self.pipe(key, [command]))[0], str(command[0]), name)

    async def pipe(self, key: bytes, commands: Sequence[Command]) -> list[Answer]:
        """The replies to questions about one key; asked again once where the key has moved."""
        return await self.moving(lambda: self._pipe(key, commands), lambda answers: any(map(elsewhere, answers)))

    async def _pipe(self, key: bytes, commands: Sequence[Command]) -> list[Answer]:
        return await (await self.of(key)).pipe(commands)

    async def scatter(self, questions: Sequence[tuple[bytes, Command]]) -> list[Answer]:
        """The replies to questions about many keys, in order; each node is asked once for all of its keys."""
        shares: dict[Node, list[int]] = {}
        for index, (key, _) in enumerate(questions):
            shares.setdefault(await self.of(key), []).append(index)
        answers: list[Answer] = [None] * len(questions)

        async def ask(node: Node, share: list[int]) -> None:
            told = await node.pipe([questions[index][1] for index in share])
            for index, answer in zip(share, told, strict=True):
                key, command = questions[index]
                answers[index] = (await self.pipe(key, [command]))[0] if moved(answer) else answer

        await asyncio.gather(*(ask(node, share) for node, share in shares.items()))
        return answers

    async def moving(self, question: Callable[[], Awaitable[Given]], wrong: Callable[[Given], bool]) -> Given:
        """Ask; where the server is gone or says that it is the wrong one, find the servers anew and ask once more."""
        try:
            given = await question()
        except (Unreachable, BrokerTrouble):
            if not self.fallible:
                raise
        else:
            if not (self.fallible and wrong(given)):
                return given
        await self.forget()
        return await question()

    @property
    def fallible(self) -> bool:
        """Whether a key's server may change."""
        return False

    async def close(self) -> None:
        """Close every connection."""
        for node in list(self._known.values()):
            await node.retire()

    def _node(self, host: str, port: int) -> Node:
        at = (host, port)
        if at not in self._known:
            told_by = "" if at in self.address.hosts else self.teller
            self._known[at] = Node(lambda: wire_to(self.address, self.options, host, port), told_by)
        return self._known[at]


class Sentinel(Nodes):
    """The primary that sentinels name; the address's hosts are the sentinels."""

    teller = "The sentinel"

    def __init__(self, address: Address, options: Options) -> None:
        super().__init__(address, options)
        self._primary: tuple[str, int] | None = None
        self._until = 0.0

    @property
    def fallible(self) -> bool:
        """A failover names another primary."""
        return True

    async def of(self, key: bytes) -> Node:
        """The primary of now; the old one may go on answering after a failover, so it is asked for again."""
        if self._primary is None or monotonic() > self._until:
            self._primary = await self._discovered()
            self._until = monotonic() + TRUSTED
        return self._node(*self._primary)

    async def forget(self) -> None:
        """Ask the sentinels again next time."""
        await super().forget()
        self._primary = None

    async def _discovered(self) -> tuple[str, int]:
        service, silent = self.options.service, []
        for host, port in self.address.hosts:
            wire = wire_to(self.address, self.options, host, port, sentinel=True)
            try:
                found = await primary_by(await wire.open(), service)
            except (CannotConnect, BrokerTrouble) as error:
                silent.append(f"{wire.where}: {error.title}")
                continue
            finally:
                await wire.close()
            if found:
                return found
            silent.append(f"{wire.where} knows no {service}")
        raise Unreachable(f"No sentinel names a primary for {service}", "; ".join(silent), "Set the option service.")


class Cluster(Nodes):
    """The nodes of a cluster, by slot; the address's hosts are where one asks first."""

    clustered = True
    teller = "The cluster"

    def __init__(self, address: Address, options: Options) -> None:
        super().__init__(address, options)
        self._ranges: list[tuple[int, int, tuple[str, int]]] = []
        self._finding = asyncio.Lock()

    @property
    def fallible(self) -> bool:
        """Slots move, and replicas are promoted."""
        return True

    async def of(self, key: bytes) -> Node:
        """The primary that serves the key's slot."""
        wanted = slot(key)
        for first, last, at in await self._map():
            if first <= wanted <= last:
                return self._node(*at)
        raise BrokerTrouble(f"No node of the cluster serves slot {wanted}", "", "redis-cli cluster info says more.")

    async def primaries(self) -> list[Node]:
        """Every primary, once."""
        return [self._node(*at) for at in dict.fromkeys(at for _, _, at in await self._map())]

    async def forget(self) -> None:
        """Ask for the slots again next time."""
        await super().forget()
        self._ranges = []

    async def _pipe(self, key: bytes, commands: Sequence[Command]) -> list[Answer]:
        """As elsewhere; while a slot is being moved, the node that has the key already is asked (ASK)."""
        answers = await super()._pipe(key, commands)
        asked = next(
            (answer for answer in answers if isinstance(answer, RedisError) and code_of(answer) == "ASK"), None
        )
        if asked is None:
            return answers
        host, _, port = str(asked).rpartition(" ")[2].rpartition(":")
        told = await self._node(host, int(port)).pipe([part for command in commands for part in (("ASKING",), command)])
        return told[1::2]

    async def _map(self) -> list[tuple[int, int, tuple[str, int]]]:
        async with self._finding:
            if not self._ranges:
                self._ranges = await self._discovered()
        return self._ranges

    async def _discovered(self) -> list[tuple[int, int, tuple[str, int]]]:
        trouble: MqtuiError | None = None
        for host, port in dict.fromkeys((*self.address.hosts, *self._known)):
            try:
                reply = await self._node(host, port).ask("CLUSTER", "SLOTS")
            except (Unreachable, BrokerTrouble) as error:
                trouble = error
                continue
            return [_range(items(part), host) for part in items(reply)]
        raise trouble or Unreachable("The cluster's address names no host")


def _range(part: list[Reply], asked: str) -> tuple[int, int, tuple[str, int]]:
    """First and last slot and the primary's address; a node that does not know its own name leaves it empty."""
    at = items(part[2])
    return number(part[0]), number(part[1]), (text(at[0]) or asked, number(at[1]))


def moved(answer: Answer) -> bool:
    """Whether a refusal says that another node has the key."""
    return isinstance(answer, RedisError) and code_of(answer) in ("MOVED", "ASK")


def misled(answer: Answer) -> bool:
    """Whether a refusal says that the address is the wrong one: a replica's, or one node's of a cluster."""
    return isinstance(answer, RedisError) and code_of(answer) in ("MOVED", "READONLY")


def not_now(answer: Answer) -> bool:
    """Whether a refusal says that this server did nothing and another, or a later moment, is meant."""
    return isinstance(answer, RedisError) and code_of(answer) in (*ELSEWHERE, *LATER)


def elsewhere(answer: Answer) -> bool:
    """Whether a refusal says that another server is meant."""
    return isinstance(answer, RedisError) and code_of(answer) in ELSEWHERE


async def patiently(question: Callable[[], Awaitable[Given]], seconds: float) -> Given:
    """Ask again while the server is away or can't serve; a failover or a restart takes a while.

    Raises:
        Unreachable, BrokerTrouble: it stayed so for that long.
    """
    deadline = monotonic() + seconds
    while True:
        try:
            return await question()
        except (Unreachable, BrokerTrouble) as error:
            if monotonic() > deadline:
                raise
            log_retry("redis", "a question", error.title)
        await asyncio.sleep(PAUSE)


def nodes_of(address: Address, options: Options) -> Nodes:
    """The servers of an address; nothing is connected."""
    kinds: dict[str, type[Nodes]] = {"": Nodes, "unix": Nodes, "sentinel": Sentinel, "cluster": Cluster}
    return kinds[address.variant](address, options)
