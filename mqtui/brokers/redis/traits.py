"""What mqtui has to know of Redis without being connected."""

from __future__ import annotations

from mqtui.brokers.redis.declared_options import DECLARED
from mqtui.brokers.traits import BrokerTraits, PublishTraits, UrlPath, UrlScheme, UrlTraits
from mqtui.domain.message import MessageFormat
from mqtui.domain.resource import BrokerKind, Kind

KIND = BrokerKind.REDIS
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
    publish=PublishTraits(assigned=("id",), stored_when="the entry's id comes back once it is stored"),
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
