"""What mqtui has to know of Kafka without being connected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mqtui.brokers.kafka.declared_options import DECLARED
from mqtui.brokers.traits import (
    BrokerTraits,
    ClientFiles,
    GroupTraits,
    ImportedUrl,
    Liveness,
    MetricTraits,
    PublishTraits,
    RedriveTraits,
    UrlScheme,
    UrlTraits,
)
from mqtui.domain.message import MessageFormat
from mqtui.domain.resource import BrokerKind, Kind

KIND = BrokerKind.KAFKA
LAG = "end offsets less committed offsets (ListOffsets, OffsetFetch)"


def find_client_files() -> Sequence[Path]:
    """The configuration files of Kafka's clients on this machine."""
    from mqtui.brokers.kafka import client_files

    return client_files.find()


def read_client_file(path: Path) -> ImportedUrl:
    """What one of them says. Raises as `ClientFiles.read`."""
    from mqtui.brokers.kafka import client_files

    return client_files.read(path)


TRAITS = BrokerTraits(
    kind=KIND,
    title="Kafka",
    destinations=(Kind.TOPIC,),
    message_format=MessageFormat.RECORD,
    has_partitions=True,
    column_titles={"backlog": "LAG", "readers": "GROUPS"},
    poll_seconds=3.0,
    metrics=MetricTraits(
        exporter="kafka-lag-exporter",
        cluster_label="cluster_name",
        destination_label="topic",
        partition_end="kafka_partition_latest_offset",
        partition_offset="kafka_consumergroup_group_offset",
        partition_lag="kafka_consumergroup_group_lag",
        partition_time_lag="kafka_consumergroup_group_lag_seconds",
        group_lag="kafka_consumergroup_group_sum_lag",
        group_largest_lag="kafka_consumergroup_group_max_lag",
        group_time_lag="kafka_consumergroup_group_max_lag_seconds",
    ),
    groups=GroupTraits(
        lag=LAG,
        backlog=f"lag of the group furthest behind: {LAG}",
        liveness=Liveness.ASSIGNED,
        have_unlisted=True,  # share groups
    ),
    publish=PublishTraits(
        fields=("key", "partition"),
        assigned=("partition", "timestamp"),
        keepable=("partition", "timestamp"),
        stored_when="acked by all in-sync replicas, no duplicate on a retry",
    ),
    redrive=RedriveTraits(
        options=frozenset({"partition", "take_over", "keep_timestamp"}),
        keeps_letters=True,
        taken_by_others="deleted before it was moved: by retention, or on purpose",
    ),
    url=UrlTraits(
        schemes={
            "kafka": UrlScheme(KIND, 9092, several=True),
            "kafka+ssl": UrlScheme(KIND, 9092, tls=True, several=True),
        },
        forms=("kafka[+ssl]://[user[:pass]@]host:port[,host:port]",),
        example="kafka://localhost:9092",
        default_port=9092,
    ),
    options=DECLARED,
    client_files=ClientFiles(find_client_files, read_client_file),
)
