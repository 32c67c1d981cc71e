"""A world a broker, filled once for all walks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mqtui.domain.resource import BrokerKind
from tests.cli.conftest import mqtui
from tests.strangers import kafka_world, rabbitmq_world, redis_world
from tests.strangers.odd import Strangers

WORLDS = {
    BrokerKind.KAFKA: kafka_world.strangers,
    BrokerKind.RABBITMQ: rabbitmq_world.strangers,
    BrokerKind.REDIS: redis_world.strangers,
}
__all__ = ["mqtui"]


@pytest.fixture(scope="module", params=list(BrokerKind))
def world(request: pytest.FixtureRequest) -> Iterator[Strangers]:
    """Strangers on each broker in turn."""
    with WORLDS[request.param](request.getfixturevalue(f"{request.param}_url")) as filled:
        yield filled
