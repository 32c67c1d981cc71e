"""RabbitMQ's management API over httpx2: lists of queues, exchanges, bindings, policies, consumers.

Names are percent-encoded, the vhost `/` too. Lists are paged by 500, the server's maximum. Counts in its replies are
sampled every 5 s; with `disable_stats` and `enable_queue_totals` the API asks the queues themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import orjson

from mqtui.brokers import protocol_probe
from mqtui.brokers.protocol_probe import ProbeTarget
from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.config import HINT, RabbitConfig
from mqtui.brokers.request_log import log_request
from mqtui.domain.errors import BrokerTrouble, MqtuiError, NotFound, Unsupported
from mqtui.domain.resource import name_bytes

Row = Mapping[str, Any]
PAGE = 500
HTTP_NOT_FOUND = 404
SAMPLED = "sampled by the management API, up to 5 s old"
QUEUE_TOTALS: Mapping[str, str | int] = {"disable_stats": "true", "enable_queue_totals": "true"}
"""Parameters of the list of queues with which the API asks each queue for its counts instead of the statistics."""

DOT_SEGMENTS = (".", "..")
"""Names that mean another folder in the path of a URL, even percent-encoded: they are looked up in lists instead."""


def quote_name(name: str) -> str:
    """A name as one segment of a URL path."""
    return quote(name_bytes(name), safe="")


class ManagementApi:
    """The API as one user sees one vhost. Nothing is sent before the first request."""

    def __init__(self, config: RabbitConfig) -> None:
        self.last_date = ""
        """The header `Date` of the last response: the broker's clock, in whole seconds; "" where there was none."""

        self._config = config
        self._client: httpx2.AsyncClient | None = None

    @property
    def is_configured(self) -> bool:
        """Whether a URL was given."""
        return bool(self._config.management)

    async def get(self, path: str, what: str, parameters: Mapping[str, str | int] | None = None) -> Any:
        """The JSON of one resource. `{vhost}` in `path` is filled in, other names come quoted; errors name `what`.

        Raises:
            Unsupported: no API was given.
            CannotConnect, NotAuthorised, NotFound, BrokerTrouble: from `errors.http_error` and
                `errors.http_status_error`.
        """
        if not self.is_configured:
            raise Unsupported(f"Without the management API there is no {what}", "", HINT)
        url = "/api/" + path.replace("{vhost}", quote_name(self._config.vhost))
        try:
            with log_request("rabbitmq", lambda: f"GET {url}"):
                response = await self._http().get(url, params=dict(parameters or {}))
        except httpx2.HTTPError as error:
            cause = None
            if _is_connection_failure(error):
                cause = await asyncio.to_thread(protocol_probe.explain_failure, [self._probe_target()])
            raise cause or errors.http_error(error, self._config.management) from error
        self.last_date = response.headers.get("date", self.last_date)
        if response.status_code == HTTP_NOT_FOUND and "{vhost}" in path:
            raise await self._explain_404(what)
        if response.status_code != 200:
            raise errors.http_status_error(response, what, self._config.management_endpoint)
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise BrokerTrouble(f"{self._config.management} does not answer in JSON", str(error), HINT) from error

    async def _explain_404(self, what: str) -> MqtuiError:
        """Whether a response of 404 means the thing itself or its whole vhost."""
        url = f"/api/queues/{quote_name(self._config.vhost)}"
        try:
            response = await self._http().get(url, params={"page": 1, "page_size": 1, "columns": "name"})
        except httpx2.HTTPError as error:
            return errors.http_error(error, self._config.management)
        if response.status_code == HTTP_NOT_FOUND:
            return errors.vhost_not_found(self._config.management_endpoint)
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
        """All `things` (queues, exchanges) of the vhost, a page at a time."""
        return self.pages(f"{things}/{{vhost}}", f"list of {things}", parameters)

    async def queue(self, name: str) -> Row:
        """One queue with arguments, policy and sampled figures."""
        return await self._find("queues", name, f"queue {name}")

    async def exchange(self, name: str) -> Row:
        """One exchange with type, arguments and policy."""
        return await self._find("exchanges", name, f"exchange {name}")

    async def _find(self, list_name: str, name: str, what: str) -> Row:
        if name not in DOT_SEGMENTS:
            found: Row = await self.get(f"{list_name}/{{vhost}}/{quote_name(name)}", what)
            return found
        async for page in self.pages(f"{list_name}/{{vhost}}", what):
            for row in page:
                if row["name"] == name:
                    return row
        raise NotFound(f"There is no {what}")

    async def bindings(self, exchange: str) -> Sequence[Row]:
        """The bindings from an exchange: rows with `destination`, `destination_type`, `routing_key` and `arguments`."""
        if exchange in DOT_SEGMENTS:
            everything: Sequence[Row] = await self.get("bindings/{vhost}", f"bindings of exchange {exchange}")
            return [row for row in everything if row["source"] == exchange]
        path = "exchanges/{vhost}/" + quote_name(exchange) + "/bindings/source"
        rows: Sequence[Row] = await self.get(path, f"bindings of exchange {exchange}")
        return rows

    async def all_bindings(self) -> Sequence[Row]:
        """All bindings of the vhost; the columns of `bindings` but for `arguments`."""
        columns = "source,destination,destination_type,routing_key"
        rows: Sequence[Row] = await self.get("bindings/{vhost}", "list of bindings", {"columns": columns})
        return rows

    async def queue_bindings(self, queue: str) -> Sequence[Row]:
        """The bindings to a queue: rows with `source`, `routing_key` and `arguments`."""
        if queue in DOT_SEGMENTS:
            everything: Sequence[Row] = await self.get("bindings/{vhost}", f"bindings of {queue}")
            return [row for row in everything if (row["destination_type"], row["destination"]) == ("queue", queue)]
        rows: Sequence[Row] = await self.get(
            "queues/{vhost}/" + quote_name(queue) + "/bindings", f"bindings of {queue}"
        )
        return rows

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

    def _probe_target(self) -> ProbeTarget:
        parts = urlsplit(self._config.management)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return ProbeTarget(parts.hostname or "", port, "HTTP", self._config.management_tls)

    def _http(self) -> httpx2.AsyncClient:
        """The client. Without TLS its context trusts nobody: httpx2 would load this system's authorities in vain."""
        if self._client is None:
            tls = self._config.management_tls
            self._client = httpx2.AsyncClient(
                base_url=self._config.management,
                auth=self._config.management_login,
                timeout=httpx2.Timeout(self._config.timeout * 4, connect=self._config.timeout),
                verify=tls.context() if tls is not None else SSLContext(PROTOCOL_TLS_CLIENT),
                trust_env=False,
            )
        return self._client


def _is_connection_failure(error: httpx2.HTTPError) -> bool:
    """Whether no HTTP response came at all."""
    return isinstance(
        error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.RemoteProtocolError | httpx2.ReadError
    )
