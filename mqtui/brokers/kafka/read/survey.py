"""A cluster at one look: each topic, group and offset is asked about once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.blocking import as_asyncio, submit_to_thread
from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.read.acl_filtering import untold_where_none
from mqtui.brokers.kafka.read.catalog import KafkaCatalog
from mqtui.brokers.kafka.read.groups import KafkaGroups, Told
from mqtui.brokers.kafka.read.lag import Found, measured, places_of, waiting_places
from mqtui.brokers.kafka.read.offsets import Answers, Place, ask_offsets
from mqtui.domain.errors import CannotConnect, MqtuiError
from mqtui.domain.topology import Group, GroupLag, Inventory, Survey

NOBODY = Told((), Found({}, {}, {}, {}), ())


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: partitions by topic, groups with their commits, and first and last offsets of all partitions.

    `hidden` says why there need not be all topics.
    """

    partitions: Mapping[str, Sequence[int]]
    told: Told
    shared: Sequence[Group]
    share_lags: Sequence[GroupLag]
    first: Answers
    end: Answers
    hidden: tuple[str, ...]

    def survey(self, catalog: KafkaCatalog, stable: Answers) -> Survey:
        """The same in the domain's words."""
        refs = [group.ref for group in self.told.groups]
        facts = measured(refs, self.told.facts, self.first, stable, self.end)
        return self._survey(catalog, map(facts.lag, refs))

    def depths(self, catalog: KafkaCatalog) -> Survey:
        """The same with lags by topic."""
        facts = self.told.facts
        return self._survey(catalog, (facts.topic_lag(group.ref, self.first, self.end) for group in self.told.groups))

    def _survey(self, catalog: KafkaCatalog, lags: Iterable[GroupLag]) -> Survey:
        return Survey(
            Inventory(tuple(catalog.counted(self.partitions, self.first, self.end)), self.hidden),
            Inventory((*self.told.groups, *self.shared), tuple(self.told.untold)),
            (*lags, *self.share_lags),
        )


async def survey(connection: Connection, catalog: KafkaCatalog, groups: KafkaGroups) -> Survey:
    """Topics with their depths, groups, and lags with what lies behind open transactions. Figures of some 10,000
    partitions are put together in a thread: the event loop has keys to answer.

    Raises:
        CannotConnect, BrokerTrouble: nobody answers.
    """
    asked = await _ask(connection, catalog, groups)
    waiting = waiting_places(asked.told.facts, asked.end)
    stable: Answers = {}
    if waiting:
        stable = await ask_offsets(connection, waiting, OffsetSpec.latest(), committed=True)
    return await as_asyncio(submit_to_thread("survey", lambda: asked.survey(catalog, stable)))


async def depths(connection: Connection, catalog: KafkaCatalog, groups: KafkaGroups) -> Survey:
    """The same with lags by topic instead of by partition, which is what depths and backlogs need.

    Raises:
        CannotConnect, BrokerTrouble: nobody answers.
    """
    return (await _ask(connection, catalog, groups)).depths(catalog)


async def _ask(connection: Connection, catalog: KafkaCatalog, groups: KafkaGroups) -> Asked:
    """Topics, then groups beside the first offsets, then the last ones: what is committed is asked before (K14).

    The list of topics goes first: it tells librdkafka which brokers are gone, and groups are not waited for where
    nobody is.
    """
    partitions = await catalog.partitions()
    hidden = () if partitions else await untold_where_none(connection, "topics")
    places = [(name, number) for name, numbers in partitions.items() for number in numbers]
    first, (told, shared, share_lags) = await asyncio.gather(
        _offsets(connection, places, OffsetSpec.earliest()), _groups(groups)
    )
    more = set(places_of(told.facts.commits, told.facts.described)).difference(places)
    end = await _offsets(connection, [*places, *sorted(more)], OffsetSpec.latest())
    return Asked(partitions, told, shared, share_lags, first, end, hidden)


async def _offsets(connection: Connection, places: Sequence[Place], spec: OffsetSpec) -> Answers:
    return await ask_offsets(connection, places, spec) if places else {}


async def _groups(groups: KafkaGroups) -> tuple[Told, list[Group], list[GroupLag]]:
    try:
        return await groups.ask_all()
    except CannotConnect:
        raise
    except MqtuiError as error:
        return replace(NOBODY, untold=(error.title,)), [], []
