"""What an adapter declares of its kind of broker, so that nobody else has to know which kind it is.

Each adapter has one `TRAITS` in its `traits.py`. That imports no client library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mqtui.brokers.options import DeclaredOptions
from mqtui.domain.message import MessageFormat
from mqtui.domain.resource import BrokerKind, Kind


class UrlPath(StrEnum):
    """What the path of a broker URL names."""

    NOTHING = "nothing"
    VHOST = "vhost"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class UrlScheme:
    """What a URL scheme stands for. `several`: more than one host is allowed."""

    kind: BrokerKind
    port: int
    tls: bool = False
    variant: str = ""
    several: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlTraits:
    """The URLs of a kind of broker.

    `forms` are their shapes for help texts, `example` is a broker of this machine on `default_port`.
    """

    schemes: Mapping[str, UrlScheme]
    forms: tuple[str, ...]
    example: str
    default_port: int
    path: UrlPath = UrlPath.NOTHING
    default_login: str = ""
    """A user whose password is the same word, on a broker of this machine; "" where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTraits:
    """What can be published.

    `fields` are those of a draft (`services.compose`) that only some brokers have. `assigned` are keys of an exported
    message whose value the broker gives anew, `keepable` those that can be kept instead. `stored_when` says when a
    message counts as stored.
    """

    fields: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()
    keepable: tuple[str, ...] = ()
    stored_when: str


class Liveness(StrEnum):
    """How one can tell that a group has a consumer that will read a destination."""

    CONNECTED = "connected"
    """Every member listed is connected and reads."""

    ASSIGNED = "assigned"
    """A member is assigned partitions of it."""

    RECENTLY_SEEN = "recently seen"
    """Members stay listed after they have gone; one that asked for messages lately is alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTraits:
    """The consumer groups of a kind of broker. `lag` and `backlog` say what these figures are made of.

    `belong_to_destination`: a group's name follows that of its destination, as `orders/billing`. `have_pending`: what
    was delivered and not acknowledged can be listed. `have_unlisted`: some of the groups that read a destination are
    only found among all groups.
    """

    lag: str
    backlog: str
    liveness: Liveness
    belong_to_destination: bool = False
    have_pending: bool = False
    have_unlisted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveTraits:
    """How dead letters leave their source.

    `options` are those of a redrive that only some brokers have. `keeps_letters`: a letter that was moved stays, marked
    as handled, so that a put back only unmarks it. `finds_returned`: a letter that was put back is found after the last
    position of the source. `taken_by_others` says why a letter of the plan may be gone.
    """

    options: frozenset[str] = frozenset()
    keeps_letters: bool = False
    finds_returned: bool = False
    taken_by_others: str


@dataclass(frozen=True, slots=True)
class ImportedUrl:
    """A connection that the file of another client describes. `left_out` are its settings that have no use here."""

    url: str = field(repr=False)
    """May have a password."""

    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """The configuration files of other clients on this machine: where they may be, and how one is read.

    `read` raises BadInput where a file names no broker, and OSError where it can't be read.
    """

    find: Callable[[], Sequence[Path]] = tuple
    read: Callable[[Path], ImportedUrl] = lambda _: ImportedUrl("")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTraits:
    """The names that figures have in Prometheus, those of the exporter that is usual for this kind of broker.

    A figure without a name there is not exported under one. The labels name the cluster, the destination and, where
    there is one, what the path of the URL names.
    """

    exporter: str
    cluster_label: str
    destination_label: str
    path_label: str = ""
    messages: str = ""
    ready: str = ""
    unacknowledged: str = ""
    consumers: str = ""
    partition_end: str = ""
    partition_offset: str = ""
    partition_lag: str = ""
    partition_time_lag: str = ""
    group_lag: str = ""
    group_largest_lag: str = ""
    """The lag of the partition of a group that is furthest behind."""

    group_time_lag: str = ""
    group_pending: str = ""
    group_members: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerTraits:
    """All that is declared of one kind of broker. `title` is its name for people.

    `destinations` are the kinds that a name without a kind may mean, the usual one first.
    """

    kind: BrokerKind
    title: str
    destinations: tuple[Kind, ...]
    message_format: MessageFormat
    has_partitions: bool = False
    lends: bool = False
    """A queue lends its messages: one that is read is returned or acknowledged, and can't be picked by a position."""

    routes_dead_letters: bool = False
    """The broker itself moves dead letters, by settings of the destination that they die in."""

    usual_facts: Mapping[str, str | int | bool] = field(default_factory=dict)
    """Facts of destinations that most of them have: a list for people shows those that differ."""

    column_titles: Mapping[str, str] = field(default_factory=dict)
    """What it calls columns of its destinations: `backlog` (what waits), `held` (delivered and not acknowledged),
    `messages`, `readers`. A list of several brokers has words of its own."""

    search_price: str = ""
    """What looking for dead letters in every destination costs; "" where it is free."""

    poll_seconds: float
    """The time between two polls."""

    metrics: MetricTraits | None = None
    """None: no exporter is usual."""

    groups: GroupTraits
    publish: PublishTraits
    redrive: RedriveTraits
    url: UrlTraits
    options: DeclaredOptions
    client_files: ClientFiles = ClientFiles()
