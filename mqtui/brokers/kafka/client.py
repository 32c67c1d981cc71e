"""The Kafka adapter: confluent-kafka, and kafka-python's admin client where only it sees.

A process that only looks loads nothing of what plans and writes: it is a third of what there is to load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from mqtui.brokers.kafka.catalog import KafkaCatalog
from mqtui.brokers.kafka.connection import Connection
from mqtui.brokers.kafka.groups import KafkaGroups
from mqtui.brokers.kafka.options import require_login, tls_of
from mqtui.brokers.kafka.survey import depths, survey
from mqtui.domain.capability import Support, Verb
from mqtui.domain.figure import Figure
from mqtui.domain.message import Position
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.topology import Destination, Survey

if TYPE_CHECKING:
    from mqtui.brokers.kafka.letter_counts import LetterCounter
    from mqtui.brokers.kafka.reader import KafkaReader
    from mqtui.brokers.kafka.writer import KafkaWriter
    from mqtui.brokers.port import Address, Permit
    from mqtui.domain.plan import Plan
    from mqtui.domain.redrive import Guarantee, Receipt, Source, Terms


def connect(address: Address) -> KafkaAdapter:
    """An adapter for an address. No I/O; the first call connects.

    Raises:
        BadInput: an option of TLS has no such value, or the URL asks for no TLS, or for a login without a user.
    """
    tls_of(address)
    require_login(address)
    return KafkaAdapter(Connection(address))


class KafkaBroker:
    """One cluster, to look at."""

    kind = BrokerKind.KAFKA
    pending = None

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.catalog = KafkaCatalog(connection)
        self.groups = KafkaGroups(connection)

    @cached_property
    def reader(self) -> KafkaReader:
        """Looking at records."""
        from mqtui.brokers.kafka.reader import KafkaReader

        return KafkaReader(self._connection)

    @cached_property
    def _letters(self) -> LetterCounter:
        from mqtui.brokers.kafka.letter_counts import LetterCounter

        return LetterCounter(self._connection)

    async def identity(self) -> str:
        """The cluster id, asked once; "" where the cluster has none."""
        return await self.catalog.cluster_id()

    async def can(self, verb: Verb, ref: Ref | None = None) -> Support:
        """Whether kind and rights allow the verb."""
        from mqtui.brokers.kafka.support import supported

        return await supported(self._connection, verb, ref)

    async def survey(self) -> Survey:
        """Topics, groups and lags; each partition's offsets are asked once."""
        return await survey(self._connection, self.catalog, self.groups)

    async def depths(self) -> Survey:
        """The same without what lies behind open transactions, which takes a further round trip."""
        return await depths(self._connection, self.catalog, self.groups)

    async def count_letters(self, rows: Sequence[Destination]) -> Mapping[Ref, Figure]:
        """By offsets, less what the state topic says was handled."""
        return await self._letters.count(rows)

    async def snapshot(self, source: Ref) -> Source:
        """Bounds, what was handled and who holds the source, as of now. Opens no transaction (K3)."""
        from mqtui.brokers.kafka.snapshot import snapshot

        return await snapshot(self._connection, source)

    async def inspect(self, source: Source, plan: Plan) -> Plan:
        """The plan with the guarantee, the risks and the state topic's creation."""
        from mqtui.brokers.kafka.inspection import inspected

        return await inspected(self._connection, source, plan)

    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        """What a move within this cluster promises where the rights for it are there; `inspect` asks for them."""
        from mqtui.brokers.kafka.inspection import promise

        return promise()

    async def trace(self, source: Source, terms: Terms, positions: Sequence[Position]) -> Sequence[Receipt]:
        """Who handled letters that were in hand when a process died, by the state topic."""
        from mqtui.brokers.kafka.tracing import trace

        return await trace(self._connection, source, terms, positions)


class KafkaAdapter:
    """One connected cluster."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.broker = KafkaBroker(connection)

    def open_writer(self, permit: Permit) -> KafkaWriter:
        """A writer for one permit."""
        from mqtui.brokers.kafka.writer import KafkaWriter

        return KafkaWriter(self._connection, permit.plan)

    async def close(self) -> None:
        """Close all connections."""
        await self._connection.close()
