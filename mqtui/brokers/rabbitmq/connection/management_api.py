"""The management API over httpx: lists, arguments, policies, consumers.

Names are percent-encoded, the vhost `/` too. Lists are paged by 500, the server's maximum. Figures in its replies are
sampled every 5 s; with `disable_stats` and `enable_queue_totals` they are asked of the queues themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import orjson

from mqtui.brokers import protocol_probe
from mqtui.brokers.protocol_probe import ProbeTarget
from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.config import HINT, Options
from mqtui.brokers.request_log import log_request
from mqtui.domain.errors import BrokerTrouble, MqtuiError, NotFound, Unsupported
from mqtui.domain.resource import name_bytes

Row = Mapping[str, Any]
PAGE = 500
NOT_THERE = 404
SAMPLED = "sampled by the management API, up to 5 s old"
QUEUE_TOTALS: Mapping[str, str | int] = {"disable_stats": "true", "enable_queue_totals": "true"}
"""Parameters of the list of queues with which the API asks each queue for its counts instead of the statistics."""

DOTS = (".", "..")
"""Names that mean another folder in the path of a URL, however they are written: they are looked for in lists."""


def encoded(name: str) -> str:
    """A name as one part of a path."""
    return quote(name_bytes(name), safe="")


class Management:
    """One user's view of one vhost. Nothing is sent before the first question."""

    def __init__(self, options: Options) -> None:
        self.date = ""
        """The header `Date` of the last answer: the broker's clock, in whole seconds; "" where there was none."""

        self._options = options
        self._client: httpx.AsyncClient | None = None

    @property
    def given(self) -> bool:
        """Whether there is an API to ask."""
        return bool(self._options.management)

    async def get(self, path: str, what: str, parameters: Mapping[str, str | int] | None = None) -> Any:
        """One reply; `{vhost}` in `path` is filled in, other names come encoded. `what` names it in errors.

        Raises:
            Unsupported: no API was given.
            CannotConnect, NotAuthorised, NotFound, BrokerTrouble: as `errors.management` and `errors.answered`.
        """
        if not self.given:
            raise Unsupported(f"Without the management API there is no {what}", "", HINT)
        url = "/api/" + path.replace("{vhost}", encoded(self._options.vhost))
        try:
            with log_request("rabbitmq", lambda: f"GET {url}"):
                response = await self._http().get(url, params=dict(parameters or {}))
        except httpx.HTTPError as error:
            cause = await asyncio.to_thread(protocol_probe.explain_failure, [self._door()]) if _no_talk(error) else None
            raise cause or errors.management(error, self._options.management) from error
        self.date = response.headers.get("date", self.date)
        if response.status_code == NOT_THERE and "{vhost}" in path:
            raise await self._missing(what)
        if response.status_code != 200:
            raise errors.answered(response, what, self._options.management_asked)
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise BrokerTrouble(f"{self._options.management} does not answer in JSON", str(error), HINT) from error

    async def _missing(self, what: str) -> MqtuiError:
        """What an answer of 404 means: the thing is not there, or all of its vhost."""
        url = f"/api/queues/{encoded(self._options.vhost)}"
        try:
            response = await self._http().get(url, params={"page": 1, "page_size": 1, "columns": "name"})
        except httpx.HTTPError as error:
            return errors.management(error, self._options.management)
        if response.status_code == NOT_THERE:
            return errors.no_vhost(self._options.management_asked)
        return NotFound(f"There is no {what}")

    async def pages(
        self, path: str, what: str, parameters: Mapping[str, str | int] | None = None
    ) -> AsyncIterator[Sequence[Row]]:
        """All rows of a list, a page at a time."""
        number, last = 1, 1
        while number <= last:
            reply = await self.get(path, what, {**(parameters or {}), "page": number, "page_size": PAGE})
            if isinstance(reply, list):
                yield reply
                return
            last = int(reply["page_count"])
            yield reply["items"]
            number += 1

    def list_all(self, things: str, parameters: Mapping[str, str | int] | None = None) -> AsyncIterator[Sequence[Row]]:
        """All queues or exchanges of the vhost, a page at a time; `things` is the list's name in the API."""
        return self.pages(f"{things}/{{vhost}}", f"list of {things}", parameters)

    async def queue(self, name: str) -> Row:
        """One queue with arguments, policy and sampled figures."""
        return await self._one("queues", name, f"queue {name}")

    async def exchange(self, name: str) -> Row:
        """One exchange with type, arguments and policy."""
        return await self._one("exchanges", name, f"exchange {name}")

    async def _one(self, list_name: str, name: str, what: str) -> Row:
        if name not in DOTS:
            found: Row = await self.get(f"{list_name}/{{vhost}}/{encoded(name)}", what)
            return found
        async for page in self.pages(f"{list_name}/{{vhost}}", what):
            for row in page:
                if row["name"] == name:
                    return row
        raise NotFound(f"There is no {what}")

    async def bindings(self, exchange: str) -> Sequence[Row]:
        """What an exchange sends on: rows with `destination`, `destination_type`, `routing_key` and `arguments`."""
        told: Sequence[Row]
        if exchange in DOTS:
            told = await self.get("bindings/{vhost}", f"bindings of exchange {exchange}")
            return [row for row in told if row["source"] == exchange]
        path = "exchanges/{vhost}/" + encoded(exchange) + "/bindings/source"
        told = await self.get(path, f"bindings of exchange {exchange}")
        return told

    async def all_bindings(self) -> Sequence[Row]:
        """All bindings of the vhost, as `bindings` tells those of one exchange."""
        columns = "source,destination,destination_type,routing_key"
        told: Sequence[Row] = await self.get("bindings/{vhost}", "list of bindings", {"columns": columns})
        return told

    async def queue_bindings(self, queue: str) -> Sequence[Row]:
        """What leads to a queue: rows with `source`, `routing_key` and `arguments`."""
        told: Sequence[Row]
        if queue in DOTS:
            told = await self.get("bindings/{vhost}", f"bindings of {queue}")
            return [row for row in told if (row["destination_type"], row["destination"]) == ("queue", queue)]
        told = await self.get("queues/{vhost}/" + encoded(queue) + "/bindings", f"bindings of {queue}")
        return told

    async def consumers(self) -> Sequence[Row]:
        """All consumers of the vhost."""
        found: Sequence[Row] = await self.get("consumers/{vhost}", "list of consumers")
        return found

    async def policies(self) -> tuple[Sequence[Row], Sequence[Row]]:
        """Policies and operator policies of the vhost."""
        own: Sequence[Row] = await self.get("policies/{vhost}", "list of policies")
        operators: Sequence[Row] = await self.get("operator-policies/{vhost}", "list of operator policies")
        return own, operators

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    def _door(self) -> ProbeTarget:
        parts = urlsplit(self._options.management)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return ProbeTarget(parts.hostname or "", port, "HTTP", self._options.management_tls)

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            tls = self._options.management_tls
            self._client = httpx.AsyncClient(
                base_url=self._options.management,
                auth=self._options.management_login,
                timeout=httpx.Timeout(self._options.timeout * 4, connect=self._options.timeout),
                verify=tls.context() if tls is not None else True,
                trust_env=False,
            )
        return self._client


def _no_talk(error: httpx.HTTPError) -> bool:
    """Whether nothing was said at all, or not in HTTP."""
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.RemoteProtocolError | httpx.ReadError)
