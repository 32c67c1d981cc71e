"""The changes one plan names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from mqtui.brokers.kafka.connection import Connection
from mqtui.brokers.kafka.lease import leasing
from mqtui.brokers.kafka.publisher import KafkaPublisher, publishing
from mqtui.brokers.kafka.steps import applied
from mqtui.brokers.kafka.tail import following
from mqtui.brokers.port import Batch, Lease
from mqtui.domain.errors import Unsupported
from mqtui.domain.plan import Plan, Step, StepResult
from mqtui.domain.redrive import OffsetBounds, Source, Terms
from mqtui.domain.resource import Ref


class KafkaWriter:
    """Made by the guard's permit only."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._plan = plan

    def publisher(self) -> AbstractAsyncContextManager[KafkaPublisher]:
        """Publishing with acks=all, idempotent."""
        return publishing(self._connection)

    def lease(self, source: Source, terms: Terms) -> AbstractAsyncContextManager[Lease]:
        """Letters of a topic; leaving gives up the hold."""
        return leasing(self._connection, self._plan, source, terms)

    def borrow(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """Kafka lends nothing: looking is free."""
        raise Unsupported(f"{ref} lends nothing", "Looking at a topic is free and changes nothing.", "Use peek.")

    async def listen(self, source: Source) -> AsyncIterator[Batch]:
        """Letters behind the snapshot's end, as they become readable."""
        if not isinstance(source.bounds, OffsetBounds):
            raise Unsupported(f"{source.ref} is no topic")
        yield ()
        async for batch in following(self._connection, source.ref, source.bounds.end):
            yield batch

    async def apply(self, step: Step) -> StepResult:
        """Put back (K11), or create the state topic (K2)."""
        return await applied(self._connection, self._plan, step)
