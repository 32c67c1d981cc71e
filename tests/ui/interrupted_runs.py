"""A small Kafka in memory with dead letters, a protected profile for it, and runs that were killed."""

from __future__ import annotations

import pytest

from mqtui.domain.policy import Consent
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.state.journal import Journal, RunRecord
from mqtui.ui.app import Console
from tests.services.memory_fixtures import KafkaFixture
from tests.services.redrive_operator import Operator, small_batches

TYPED = Consent(typed="shop")
LETTERS = 9


class InterruptedRuns:
    """`orders.DLQ` holds nine letters; the profile `shop` is protected."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        small_batches(monkeypatch, 2)
        self.ground = KafkaFixture()
        self.ground.add_dead_letters(range(LETTERS))
        ProfileStore().add(Profile("shop", {BrokerKind.KAFKA: BrokerEndpoint("kafka://memory:9092")}, protected=True))
        self.operator = Operator(self.ground, target="shop")

    def console(self, target: str = "") -> Console:
        """A console on it."""
        return Console((target, ""), adapters=self.ground.connect)

    async def moved(self, count: int) -> str:
        """A run that moved some letters; its id."""
        return (await self.operator.run(self.operator.request(limit=count), TYPED)).run

    async def killed(self, batches: int = 2) -> str:
        """A run that was killed after so many batches; its id."""
        assert await self.operator.is_killed_during(lambda: self.operator.run(None, TYPED), batches=batches)
        return interrupted()[0].id

    @property
    def left(self) -> int:
        """Letters that nobody handled."""
        return len(self.ground.unhandled())


def interrupted() -> list[RunRecord]:
    """The runs that wait to be resumed."""
    return list(Journal().list_interrupted())


def short(run: str) -> str:
    """A run's id as it is shown."""
    return run[:4].upper()


@pytest.fixture
def interrupted_runs(monkeypatch: pytest.MonkeyPatch) -> InterruptedRuns:
    """Dead letters, a profile, and runs that can be killed."""
    return InterruptedRuns(monkeypatch)
