"""What mqtui has to know of it without being connected."""

from __future__ import annotations

from mqtui.brokers.options import Option, OptionKind, declare_options
from mqtui.brokers.traits import (
    BrokerTraits,
    GroupTraits,
    Liveness,
    PublishTraits,
    RedriveTraits,
    UrlScheme,
    UrlTraits,
)
from mqtui.domain.message import MessageFormat
from mqtui.domain.resource import BrokerKind, Kind

KIND = BrokerKind("inmemory")

TRAITS = BrokerTraits(
    kind=KIND,
    title="Inmemory",
    destinations=(Kind.TOPIC,),
    message_format=MessageFormat.RECORD,
    has_partitions=True,
    poll_seconds=0.2,
    groups=GroupTraits(lag="what a group has not read", backlog="what nobody has read", liveness=Liveness.CONNECTED),
    publish=PublishTraits(fields=("key",), assigned=("partition",), stored_when="kept until this process ends"),
    redrive=RedriveTraits(keeps_letters=True, taken_by_others="forgotten before it was moved"),
    url=UrlTraits(
        schemes={"inmemory": UrlScheme(KIND, 4711)},
        forms=("inmemory://host:port",),
        example="inmemory://localhost:4711",
        default_port=4711,
    ),
    options=declare_options(
        "Inmemory",
        (Option("shelf", "where messages are kept"), Option("padlock", "what locks it", OptionKind.SECRET)),
        {},
    ),
)
