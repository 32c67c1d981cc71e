"""What mqtui has to know of Redis without being connected."""

from __future__ import annotations

from mqtui.brokers.redis.declared_options import DECLARED
from mqtui.brokers.traits import (
    BrokerTraits,
    GroupTraits,
    Liveness,
    MetricTraits,
    PublishTraits,
    RedriveTraits,
    UrlPath,
    UrlScheme,
    UrlTraits,
)
from mqtui.domain.message import MessageFormat
from mqtui.domain.resource import BrokerKind, Kind

KIND = BrokerKind.REDIS
LAG = "entries not delivered yet (XINFO GROUPS)"
SCHEMES = {
    "redis": UrlScheme(KIND, 6379),
    "rediss": UrlScheme(KIND, 6379, tls=True),
    "redis+sentinel": UrlScheme(KIND, 26379, variant="sentinel", several=True),
    "rediss+sentinel": UrlScheme(KIND, 26379, tls=True, variant="sentinel", several=True),
    "redis+cluster": UrlScheme(KIND, 6379, variant="cluster", several=True),
    "rediss+cluster": UrlScheme(KIND, 6379, tls=True, variant="cluster", several=True),
    "unix": UrlScheme(KIND, 0, variant="unix"),
    "redis+socket": UrlScheme(KIND, 0, variant="unix"),
}
VALKEY_SCHEMES = {name.replace("redis", "valkey"): one for name, one in SCHEMES.items() if name.startswith("redis")}

TRAITS = BrokerTraits(
    kind=KIND,
    title="Redis",
    destinations=(Kind.STREAM,),
    message_format=MessageFormat.ENTRY,
    column_titles={"backlog": "LAG", "held": "PENDING", "messages": "LENGTH", "readers": "GROUPS"},
    poll_seconds=2.0,
    metrics=MetricTraits(
        exporter="redis_exporter",
        cluster_label="cluster",
        destination_label="stream",
        path_label="db",
        messages="redis_stream_length",
        group_lag="redis_stream_group_lag",
        group_pending="redis_stream_group_messages_pending",
        group_members="redis_stream_group_consumers",
    ),
    groups=GroupTraits(
        lag=LAG,
        backlog=f"lag of the group furthest behind: {LAG}",
        liveness=Liveness.RECENTLY_SEEN,
        belong_to_destination=True,
        have_pending=True,
    ),
    publish=PublishTraits(assigned=("id",), stored_when="the entry's id comes back once it is stored"),
    redrive=RedriveTraits(
        finds_returned=True,
        taken_by_others="was removed from the stream by somebody else, or trimmed, before it was moved",
    ),
    url=UrlTraits(
        schemes=SCHEMES | VALKEY_SCHEMES,
        forms=(
            "redis[s]://[user:pass@]host:port/db",
            "redis[s]+sentinel://host:port[,host:port]/service/db",
            "redis[s]+cluster://host:port[,host:port]",
            "unix://[user:pass@]/path/of/redis.sock[?db=0]",
        ),
        example="redis://localhost:6379",
        default_port=6379,
        path=UrlPath.DATABASE,
    ),
    options=DECLARED,
)
