"""What an adapter declares of its kind of broker, so that nobody else has to know which kind it is.

Each adapter has one `TRAITS` in its `traits.py`. That imports no client library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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
    publish: PublishTraits
    url: UrlTraits
    options: DeclaredOptions
