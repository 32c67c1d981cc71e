"""The shop on a broker of its own for one story, with the profile its people made, and workers that may be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Event

import pytest
from cryptography.fernet import Fernet

from mqtui.demo.shop.brokers import open_branch
from mqtui.demo.shop.spec import Spec
from mqtui.demo.shop.workers import Workers
from mqtui.domain.policy import Environment
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.services.redrive.run import monitor
from mqtui.ui.app import Console
from tests.brokers import Brokers

FINDING = 30.0
"""Seconds until a console has found everything on a real broker."""

VERDICT = 60.0
"""Seconds until a verdict has to be there: it takes ten of quiet after all readers have passed."""

Patience = Callable[[bool], None]
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class StoryShop:
    """A seeded broker."""

    kind: BrokerKind
    url: str
    key: str
    staff: Workers

    @property
    def spec(self) -> Spec:
        """What the shop was told."""
        return Spec(self.key, **{self.kind.value: self.url})

    def hire(self, *roles: Callable[[Event], None]) -> None:
        """Let people work."""
        for role in roles:
            self.staff.hire(role, open_branch(self.kind).trouble)

    def profile(self, name: str, *, protected: bool = False) -> None:
        """Keep a profile as its user would."""
        environment = Environment.PROD if protected else Environment.STAGE
        endpoint = BrokerEndpoint(self.url.replace("guest:guest@", "guest@"))
        ProfileStore().add(Profile(name, {self.kind: endpoint}, environment, protected=protected))


@contextmanager
def story_shop(brokers: Brokers, kind: BrokerKind) -> Iterator[StoryShop]:
    """A broker with the shop's letters, which nobody else knows; gone afterwards with all who work there."""
    servers, name = brokers.servers, f"story-{kind}-{next(_numbers)}"
    start: dict[BrokerKind, Callable[[str], str]] = {
        BrokerKind.KAFKA: servers.start_kafka,
        BrokerKind.RABBITMQ: servers.start_rabbitmq,
        BrokerKind.REDIS: servers.start_redis,
    }
    url, staff = start[kind](name), Workers()
    shop = StoryShop(kind, url, Fernet.generate_key().decode(), staff)
    try:
        open_branch(kind).seed(shop.spec)
        yield shop
    finally:
        staff.send_home(10.0)
        servers.discard(name)


@pytest.fixture
def no_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies go to the terminal, where a story can read them."""
    for variable in ("TMUX", "WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Whether the verdict takes its ten seconds; else two, so that the same story may be told often."""

    def decide(whole: bool) -> None:
        if not whole:
            monkeypatch.setattr(monitor, "STABLE_SECONDS", 2.0)

    return decide


def console(target: str = "", resource: str = "") -> Console:
    """A console as `mqtui TARGET RESOURCE` opens it."""
    return Console((target, resource))
