"""Surveys the cluster: topics, groups and lags with as few requests as possible."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.blocking import as_asyncio, submit_to_thread
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.acl_filtering import explain_empty_listing
from mqtui.brokers.kafka.read.catalog import KafkaCatalog
from mqtui.brokers.kafka.read.groups import DescribedGroups, KafkaGroups
from mqtui.brokers.kafka.read.lag import GroupDetails, partitions_of, partitions_with_backlog, with_progress
from mqtui.brokers.kafka.read.offsets import OffsetResults, TopicPartitionKey, list_offsets
from mqtui.domain.errors import CannotConnect, MqtuiError
from mqtui.domain.topology import Group, GroupLag, Inventory, Survey

NO_GROUPS = DescribedGroups((), GroupDetails({}, {}, {}, {}), ())


@dataclass(frozen=True, slots=True)
class ClusterAnswers:
    """The responses: partitions by topic, groups with their commits, and first and end offsets of all partitions.

    `hidden` says why topics may be missing.
    """

    partitions: Mapping[str, Sequence[int]]
    described: DescribedGroups
    share_groups: Sequence[Group]
    share_lags: Sequence[GroupLag]
    first: OffsetResults
    end: OffsetResults
    hidden: tuple[str, ...]

    def survey(self, catalog: KafkaCatalog, stable: OffsetResults) -> Survey:
        """The survey with lags by partition; `stable` are the last stable offsets."""
        refs = [group.ref for group in self.described.list_groups]
        progress = with_progress(refs, self.described.progress, self.first, stable, self.end)
        return self._survey(catalog, map(progress.lag, refs))

    def depths(self, catalog: KafkaCatalog) -> Survey:
        """The survey with lags by topic."""
        progress = self.described.progress
        return self._survey(
            catalog, (progress.topic_lag(group.ref, self.first, self.end) for group in self.described.list_groups)
        )

    def _survey(self, catalog: KafkaCatalog, lags: Iterable[GroupLag]) -> Survey:
        return Survey(
            Inventory(tuple(catalog.rows_with_counts(self.partitions, self.first, self.end)), self.hidden),
            Inventory((*self.described.list_groups, *self.share_groups), tuple(self.described.missing)),
            (*lags, *self.share_lags),
        )


async def survey(clients: KafkaClients, catalog: KafkaCatalog, groups: KafkaGroups) -> Survey:
    """Topics with counts, groups, and lags by partition with the records in open transactions.

    The figures are computed in a thread: 10,000 partitions would block the event loop.

    Raises:
        CannotConnect, BrokerTrouble: nobody answers.
    """
    answers = await _ask_cluster(clients, catalog, groups)
    waiting = partitions_with_backlog(answers.described.progress, answers.end)
    stable: OffsetResults = {}
    if waiting:
        stable = await list_offsets(clients, waiting, OffsetSpec.latest(), committed=True)
    return await as_asyncio(submit_to_thread("survey", lambda: answers.survey(catalog, stable)))


async def survey_depths(clients: KafkaClients, catalog: KafkaCatalog, groups: KafkaGroups) -> Survey:
    """Topics with counts, groups, and lags by topic, which is all that depths and backlogs need.

    Raises:
        CannotConnect, BrokerTrouble: nobody answers.
    """
    return (await _ask_cluster(clients, catalog, groups)).depths(catalog)


async def _ask_cluster(clients: KafkaClients, catalog: KafkaCatalog, groups: KafkaGroups) -> ClusterAnswers:
    """Ask for topics, then for groups and first offsets at once, then for end offsets: after the commits (K14).

    The listing of topics comes first, because it tells librdkafka which brokers are down: with none up, the groups are
    not waited for.
    """
    partitions = await catalog.partitions()
    hidden = () if partitions else await explain_empty_listing(clients, "topics")
    keys = [(name, number) for name, numbers in partitions.items() for number in numbers]
    first, (described, share_groups, share_lags) = await asyncio.gather(
        _list_offsets(clients, keys, OffsetSpec.earliest()), _describe_groups(groups)
    )
    more = set(partitions_of(described.progress.commits, described.progress.described)).difference(keys)
    end = await _list_offsets(clients, [*keys, *sorted(more)], OffsetSpec.latest())
    return ClusterAnswers(partitions, described, share_groups, share_lags, first, end, hidden)


async def _list_offsets(clients: KafkaClients, keys: Sequence[TopicPartitionKey], spec: OffsetSpec) -> OffsetResults:
    return await list_offsets(clients, keys, spec) if keys else {}


async def _describe_groups(groups: KafkaGroups) -> tuple[DescribedGroups, list[Group], list[GroupLag]]:
    try:
        return await groups.describe_all()
    except CannotConnect:
        raise
    except MqtuiError as error:
        return replace(NO_GROUPS, missing=(error.title,)), [], []
