"""Serves samples to Prometheus by its own client library, which negotiates the format."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.errors import BadInput
from mqtui.domain.listen_address import ListenAddress
from mqtui.services.alerts.metric_samples import ABOUT, MetricSample

if TYPE_CHECKING:
    from prometheus_client.metrics_core import GaugeMetricFamily

SCRAPE_SECONDS = 10.0
"""Seconds that a scrape waits for the event loop."""


class SampleCollector:
    """A collector of `prometheus_client`: it asks the event loop, which owns the figures, from a thread of a scrape."""

    def __init__(self, loop: asyncio.AbstractEventLoop, measure: Callable[[], Iterable[MetricSample]]) -> None:
        self._loop = loop
        self._measure = measure

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All samples, by metric."""
        from prometheus_client.metrics_core import GaugeMetricFamily

        families: dict[str, GaugeMetricFamily] = {}
        samples = asyncio.run_coroutine_threadsafe(self._list_samples(), self._loop).result(SCRAPE_SECONDS)
        for sample in samples:
            family = families.get(sample.name)
            if family is None:
                about = ABOUT.get(sample.name, "As the usual exporter of this kind of broker has it.")
                family = families[sample.name] = GaugeMetricFamily(sample.name, about)
            family.add_sample(sample.name, dict(sample.labels), sample.value)
        yield from families.values()

    async def _list_samples(self) -> list[MetricSample]:
        return list(self._measure())


@asynccontextmanager
async def serve_metrics(
    endpoint: ListenAddress, measure: Callable[[], Iterable[MetricSample]]
) -> AsyncIterator[ListenAddress]:
    """Serve what `measure` gives at each scrape; the endpoint with its port.

    Raises:
        BadInput: nobody can listen there.
    """
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry(auto_describe=False)
    registry.register(SampleCollector(asyncio.get_running_loop(), measure))
    try:
        server, thread = await run_in_thread(
            "metrics", lambda: start_http_server(endpoint.port, endpoint.host, registry)
        )
    except OSError as error:
        raise BadInput(f"Nobody can listen on {endpoint}", error.strerror or str(error)) from None
    try:
        yield ListenAddress(endpoint.host, server.server_port)
    finally:
        await run_in_thread("metrics", server.shutdown)
        server.server_close()
        await run_in_thread("metrics", thread.join)
