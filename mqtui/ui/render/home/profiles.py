"""Profiles as rows: hosts, protection, connections, backlog and dead letters."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple

from mqtui.brokers.registry import traits_of
from mqtui.brokers.traits import UrlPath
from mqtui.domain.figure import Figure, total, unknown
from mqtui.domain.resource import BrokerKind
from mqtui.ui.render import figures
from mqtui.ui.render.broker_status import error_of
from mqtui.ui.render.table_model import Cell, Column, Measure
from mqtui.ui.session.sessions import BrokerSession

if TYPE_CHECKING:
    from mqtui.profiles.model import Profile

CLOSED = unknown("closed")


OTHER_WAYS = "other ways"
WAYS = "demo · URL · import"
ALL_KINDS = {3: "all three", 4: "all four"}


class OpenTarget(NamedTuple):
    """What is open and is no profile: a URL, or the brokers of the demo. `urls` are without secrets."""

    name: str
    urls: Mapping[BrokerKind, str]


class ProfileRow(NamedTuple):
    """One profile or open target with its broker sessions; `about` is None in the row of other ways to begin."""

    about: Profile | OpenTarget | None
    broker_sessions: tuple[BrokerSession, ...]
    used: float | None = None
    """When it was last used, in seconds since the epoch."""

    @property
    def name(self) -> str:
        """The target's name."""
        return OTHER_WAYS if self.about is None else self.about.name

    @property
    def urls(self) -> Mapping[BrokerKind, str]:
        """The URLs of its brokers."""
        if isinstance(self.about, OpenTarget):
            return self.about.urls
        return {kind: end.url for kind, end in self.about.brokers.items()} if self.about else {}

    @property
    def environment(self) -> str:
        """The environment of a profile; "" where it has none."""
        known = getattr(self.about, "environment", "none")
        return "" if known == "none" else str(known)

    @property
    def mode(self) -> str:
        """Whether a profile is read-only or protected."""
        if getattr(self.about, "read_only", False):
            return "read-only"
        return "protected" if getattr(self.about, "protected", False) else ""

    @property
    def backlog(self) -> Figure:
        """The backlog on all its open brokers."""
        rows = [
            row
            for broker_session in self.broker_sessions
            if broker_session.snapshot
            for row in broker_session.snapshot.destinations
        ]
        return total(row.backlog for row in rows if row.backlog.known) if rows else CLOSED

    @property
    def letters(self) -> Figure:
        """Dead letters on all its open brokers."""
        snapshots = [
            broker_session.snapshot
            for broker_session in self.broker_sessions
            if broker_session.snapshot and broker_session.snapshot.as_of
        ]
        return (
            total(destination.letters for each in snapshots for destination in each.dead_letters)
            if snapshots
            else CLOSED
        )


class ProfileRenderer:
    """How profiles are shown in a list."""

    columns = (
        Column("name", "NAME", 14, grows=True, is_name=True),
        Column("env", "ENV", 5),
        Column("brokers", "BROKERS", 12, priority=3),
        Column("where", "WHERE", 24, priority=4, least=14, meaning="hosts of its URLs"),
        Column("mode", "MODE", 9, priority=2, meaning="what its policy allows"),
        Column("link", "LINK", 10, meaning="the last poll"),
        Column("backlog", "BACKLOG", 10, right=True, meaning="what waits on all its open brokers"),
        Column("dead", "DEAD", 8, right=True, meaning="dead letters on all its open brokers"),
        Column(
            "used",
            "USED",
            5,
            right=True,
            priority=4,
            measure=Measure.DURATION,
            meaning="when it was last opened on this machine",
        ),
    )

    def id(self, item: ProfileRow) -> Hashable:
        return item.name

    def cells(self, item: ProfileRow) -> Sequence[Cell]:
        if item.about is None:
            return ((item.name, "muted"), *[("", "")] * 2, (WAYS, "muted"), *[("", "")] * 5)
        env = item.environment.upper()
        return (
            (item.name, ""),
            (env, "danger" if env == "PROD" else "warn" if env == "STAGE" else "ok"),
            (brokers_of(item.urls), "muted"),
            (where(item.urls), "muted"),
            (item.mode, "warn"),
            _link(item),
            (str(item.backlog), "muted"),
            (str(item.letters), "dead" if item.letters.number else "muted"),
            ("now" if item.broker_sessions else figures.age(time() - item.used) if item.used else "", "muted"),
        )

    def sign(self, item: ProfileRow) -> Cell:
        """† has dead letters, ✗ a broker does not open, or is lost."""
        if any(map(error_of, item.broker_sessions)):
            return "✗", "danger"
        return ("†", "dead") if item.letters.number else (" ", "")

    def severity(self, item: ProfileRow) -> int:
        return 2 if item.letters.number else 1 if any(map(error_of, item.broker_sessions)) else 0

    def text(self, item: ProfileRow) -> str:
        return "" if item.about is None else f"{item.name} {item.environment} {' '.join(item.urls)}"

    def value(self, item: ProfileRow, key: str) -> Any:
        if item.about is None:
            return None
        known: dict[str, Any] = {
            "name": item.name,
            "env": item.environment,
            "brokers": brokers_of(item.urls),
            "where": where(item.urls),
            "mode": item.mode,
            "link": _link(item)[0],
            "backlog": item.backlog.number,
            "dead": item.letters.number,
            "used": _seconds_since_used(item),
        }
        return known[key]


def brokers_of(urls: Mapping[BrokerKind, str]) -> str:
    """The kinds of brokers, in a few words."""
    number = len(urls)
    return ALL_KINDS.get(number, f"all {number}") if number == len(BrokerKind) else ", ".join(urls)


def where(urls: Mapping[BrokerKind, str]) -> str:
    """First host, number of others, vhost, TLS and user: `b1.eu.shop:9093 +2 · tls · svc-oncall`."""
    from mqtui.profiles.url import parse_url

    addresses = [parse_url(url)[0] for url in urls.values()]
    words = [f"{len(addresses)} brokers"]
    if len(addresses) == 1:
        (address,) = addresses
        host, port = address.hosts[0]
        more = f" +{len(address.hosts) - 1}" if len(address.hosts) > 1 else ""
        vhost = f" {address.path}" if traits_of(address.kind).url.path is UrlPath.VHOST and address.path != "/" else ""
        server = f"{host}:{port}" if port else host
        words = [*([address.variant] if address.variant else []), f"{server}{more}{vhost}"]
    words += ["tls"] if all(address.tls for address in addresses) else []
    words += [addresses[0].user] if len(addresses) == 1 and addresses[0].user else []
    return " · ".join(words)


def _seconds_since_used(item: ProfileRow) -> float | None:
    if item.broker_sessions:
        return 0.0
    return time() - item.used if item.used else None


def _link(item: ProfileRow) -> Cell:
    if not item.broker_sessions:
        return "○ closed", "muted"
    if any(broker_session.error for broker_session in item.broker_sessions):
        return "✗ refused", "danger"
    if any(map(error_of, item.broker_sessions)):
        return "✗ lost", "danger"
    took = [
        broker_session.snapshot.poll_seconds
        for broker_session in item.broker_sessions
        if broker_session.snapshot and broker_session.snapshot.as_of
    ]
    return (f"● {max(took) * 1000:.0f}ms", "live") if took else ("· opening", "muted")


def from_home(path: Path) -> str:
    """A path with `~` for the home folder."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
