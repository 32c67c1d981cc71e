"""Which queues an exchange routes to, by following its bindings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mqtui.brokers.rabbitmq.connection.management_api import ManagementApi, Row
from mqtui.domain.errors import NotFound
from mqtui.domain.resource import Kind, Ref

MAX_DEPTH = 8
"""How many exchange-to-exchange bindings are followed."""


def argument_or_policy(row: Row, policy: Mapping[str, Any] | None, name: str) -> Any:
    """The value of argument or policy `name` (without `x-`); the argument takes precedence."""
    argument = row.get("arguments", {}).get(f"x-{name}")
    return argument if argument is not None else (policy or {}).get(name)


class BindingGraph:
    """The bindings of a vhost. Each exchange is asked for once, when it is needed."""

    def __init__(self, management: ManagementApi, types: Mapping[str, str]) -> None:
        """`types` has the type of each queue by name, to tell streams from queues."""
        self._management = management
        self._types = types
        self._exchanges: dict[str, tuple[str, Sequence[Row]]] = {}

    async def load_all(self, exchanges: Sequence[Row]) -> None:
        """Load all bindings by one listing, which is cheaper than asking for many exchanges one by one."""
        by_source: dict[str, list[Row]] = {str(row["name"]): [] for row in exchanges}
        for binding in await self._management.all_bindings():
            by_source.setdefault(str(binding["source"]), []).append(binding)
        types = {str(row["name"]): str(row["type"]) for row in exchanges}
        self._exchanges = {name: (types.get(name, "direct"), found) for name, found in by_source.items()}

    async def dead_letter_targets(self, row: Row, policy: Mapping[str, Any] | None) -> tuple[Ref, ...]:
        """Queues that may get the dead letters of a queue. Without a dead-letter routing key any binding may match."""
        exchange = argument_or_policy(row, policy, "dead-letter-exchange")
        if exchange is None:
            return ()
        return await self.reachable_queues(str(exchange), argument_or_policy(row, policy, "dead-letter-routing-key"))

    async def reachable_queues(self, exchange: str, key: str | None) -> tuple[Ref, ...]:
        """Queues that get a message with that routing key; with None those that may get any message."""
        found = await self._follow(exchange, key, frozenset())
        return tuple(sorted(set(found)))

    async def _follow(self, exchange: str, key: str | None, seen: frozenset[str]) -> list[Ref]:
        if exchange == "":
            return [self._ref(key)] if key is not None and key in self._types else []
        if exchange in seen or len(seen) >= MAX_DEPTH:
            return []
        exchange_type, bindings = await self._type_and_bindings(exchange)
        found: list[Ref] = []
        for binding in bindings:
            if not binding_matches(exchange_type, str(binding["routing_key"]), key):
                continue
            name = str(binding["destination"])
            if binding["destination_type"] == "queue":
                found.append(self._ref(name))
            else:
                found += await self._follow(name, key, seen | {exchange})
        return found

    async def _type_and_bindings(self, exchange: str) -> tuple[str, Sequence[Row]]:
        if exchange not in self._exchanges:
            try:
                row = await self._management.exchange(exchange)
                self._exchanges[exchange] = (row["type"], await self._management.bindings(exchange))
            except NotFound:
                self._exchanges[exchange] = ("direct", ())
        return self._exchanges[exchange]

    def _ref(self, name: str) -> Ref:
        return Ref(Kind.STREAM if self._types.get(name) == "stream" else Kind.QUEUE, name)


def binding_matches(exchange_type: str, pattern: str, key: str | None) -> bool:
    """Whether a binding matches a routing key. Types other than direct and topic are taken to match any."""
    if key is None:
        return True
    if exchange_type == "direct":
        return pattern == key
    if exchange_type == "topic":
        return _topic_matches(_words(pattern), _words(key))
    return True


def _topic_matches(words: Sequence[str], key: Sequence[str]) -> bool:
    """`*` is one word, `#` any number of words, also none. Takes time in proportion to both lengths (C15)."""
    reached = {0}
    for word in words:
        if word == "#":
            reached = set(range(min(reached), len(key) + 1))
        else:
            reached = {index + 1 for index in reached if index < len(key) and word in ("*", key[index])}
        if not reached:
            return False
    return len(key) in reached


def _words(key: str) -> Sequence[str]:
    return key.split(".") if key else ()
