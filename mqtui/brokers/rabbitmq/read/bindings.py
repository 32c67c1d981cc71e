"""Where an exchange sends messages, followed over its bindings to queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mqtui.brokers.rabbitmq.connection.management_api import Management, Row
from mqtui.domain.errors import NotFound
from mqtui.domain.resource import Kind, Ref

DEPTH = 8
"""Exchanges bound to exchanges are followed this far."""


def setting(row: Row, policy: Mapping[str, Any] | None, name: str) -> Any:
    """What argument or policy say of `name` (without the `x-`); the argument wins."""
    given = row.get("arguments", {}).get(f"x-{name}")
    return given if given is not None else (policy or {}).get(name)


class Routes:
    """Bindings as they are now; each exchange is asked once."""

    def __init__(self, management: Management, types: Mapping[str, str]) -> None:
        """`types` are the types of queues by name, to tell streams from queues."""
        self._management = management
        self._types = types
        self._exchanges: dict[str, tuple[str, Sequence[Row]]] = {}

    async def load(self, exchanges: Sequence[Row]) -> None:
        """Take all bindings from one listing: cheaper than asking many exchanges one by one."""
        by_source: dict[str, list[Row]] = {str(row["name"]): [] for row in exchanges}
        for binding in await self._management.all_bindings():
            by_source.setdefault(str(binding["source"]), []).append(binding)
        types = {str(row["name"]): str(row["type"]) for row in exchanges}
        self._exchanges = {name: (types.get(name, "direct"), found) for name, found in by_source.items()}

    async def dead_letters(self, row: Row, policy: Mapping[str, Any] | None) -> tuple[Ref, ...]:
        """Where the broker sends dead letters of that queue, as far as it can be known without the letter."""
        exchange = setting(row, policy, "dead-letter-exchange")
        if exchange is None:
            return ()
        return await self.reached(str(exchange), setting(row, policy, "dead-letter-routing-key"))

    async def reached(self, exchange: str, key: str | None) -> tuple[Ref, ...]:
        """Queues that get a message of that routing key; with None those that get any."""
        found = await self._follow(exchange, key, frozenset())
        return tuple(sorted(set(found)))

    async def _follow(self, exchange: str, key: str | None, seen: frozenset[str]) -> list[Ref]:
        if exchange == "":
            return [self._ref(key)] if key is not None and key in self._types else []
        if exchange in seen or len(seen) >= DEPTH:
            return []
        sort, bindings = await self._known(exchange)
        found: list[Ref] = []
        for binding in bindings:
            if not matches(sort, str(binding["routing_key"]), key):
                continue
            name = str(binding["destination"])
            if binding["destination_type"] == "queue":
                found.append(self._ref(name))
            else:
                found += await self._follow(name, key, seen | {exchange})
        return found

    async def _known(self, exchange: str) -> tuple[str, Sequence[Row]]:
        if exchange not in self._exchanges:
            try:
                row = await self._management.exchange(exchange)
                self._exchanges[exchange] = (row["type"], await self._management.bindings(exchange))
            except NotFound:
                self._exchanges[exchange] = ("direct", ())
        return self._exchanges[exchange]

    def _ref(self, name: str) -> Ref:
        return Ref(Kind.STREAM if self._types.get(name) == "stream" else Kind.QUEUE, name)


def matches(sort: str, pattern: str, key: str | None) -> bool:
    """Whether a binding lets a routing key through; other types than direct and topic may let anything through."""
    if key is None:
        return True
    if sort == "direct":
        return pattern == key
    if sort == "topic":
        return _fits(_words(pattern), _words(key))
    return True


def _fits(words: Sequence[str], key: Sequence[str]) -> bool:
    """`*` is one word, `#` any number of words, none included. In time of the two lengths' product (C15)."""
    reached = {0}
    for word in words:
        if word == "#":
            reached = set(range(min(reached), len(key) + 1))
        else:
            reached = {place + 1 for place in reached if place < len(key) and word in ("*", key[place])}
        if not reached:
            return False
    return len(key) in reached


def _words(key: str) -> Sequence[str]:
    return key.split(".") if key else ()
