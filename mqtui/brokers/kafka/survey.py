"""A cluster at one look: each topic, group and offset is asked about once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.catalog import KafkaCatalog
from mqtui.brokers.kafka.connection import Connection
from mqtui.brokers.kafka.groups import KafkaGroups, Told
from mqtui.brokers.kafka.lag import Found, measure, places_of
from mqtui.brokers.kafka.offsets import Answers, ask_offsets
from mqtui.domain.errors import CannotConnect, MqtuiError
from mqtui.domain.topology import Group, GroupLag, Inventory, Survey

NOBODY = Told((), Found({}, {}, {}, {}), ())


async def survey(connection: Connection, catalog: KafkaCatalog, groups: KafkaGroups) -> Survey:
    """Topics, then groups, then the offsets of all partitions, for both. The list of topics goes first: it tells
    librdkafka which brokers are gone, and groups are not waited for where nobody is.

    Raises:
        CannotConnect, BrokerTrouble: nobody answers.
    """
    partitions = await catalog.partitions()
    told, shared, share_lags = await _groups(groups)
    everywhere = {(name, number) for name, numbers in partitions.items() for number in numbers}
    everywhere.update(places_of(told.facts.commits, told.facts.described))
    places = sorted(everywhere)
    first: Answers = {}
    end: Answers = {}
    if places:
        first, end = await asyncio.gather(
            ask_offsets(connection, places, OffsetSpec.earliest()), ask_offsets(connection, places, OffsetSpec.latest())
        )
    refs = [group.ref for group in told.groups]
    facts = await measure(connection, refs, told.facts, end)
    lags = [facts.lag(ref) for ref in refs]
    return Survey(
        Inventory(tuple(catalog.counted(partitions, first, end))),
        Inventory((*told.groups, *shared), tuple(told.untold)),
        (*lags, *share_lags),
    )


async def _groups(groups: KafkaGroups) -> tuple[Told, list[Group], list[GroupLag]]:
    try:
        return await groups.ask_all()
    except CannotConnect:
        raise
    except MqtuiError as error:
        return replace(NOBODY, untold=(error.title,)), [], []
