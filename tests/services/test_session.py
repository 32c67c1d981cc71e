"""Opening a target: a URL or a profile, one broker, one gate."""

from __future__ import annotations

import pytest

from mqtui.brokers.port import Adapter, Address, HasPeekBudget
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, NotFound, Unreachable
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.services.session import open_session
from mqtui.state.peek_budget import StoredPeekBudget
from tests.memory import MemoryWorld
from tests.memory.roles import MemoryAdapter
from tests.services.memory_fixtures import KafkaFixture, MemoryFixture, RabbitMQFixture, RedisFixture


async def test_a_url(broker: MemoryFixture) -> None:
    async with open_session(broker.url, adapters=broker.connect) as session:
        assert session.broker.kind is broker.kind
        assert (session.profile, session.warnings) == (None, ())
        assert session.policy.permits(Verb.REDRIVE)
        async with open_session(session.target, adapters=broker.connect) as again:
            assert again.address == session.address


async def test_a_password_in_a_url_warns_and_is_not_shown() -> None:
    broker = RabbitMQFixture()
    async with open_session("amqp://joe:hush@memory:5672", adapters=broker.connect) as session:
        assert session.address.secret == "hush"
        assert len(session.warnings) == 1
        assert "hush" not in repr(session) + session.target + session.policy.profile


async def test_nothing_connects_before_the_first_question(broker: MemoryFixture) -> None:
    broker.server.faults.unreachable = True
    async with open_session(broker.url, adapters=broker.connect) as session:
        with pytest.raises(Unreachable):
            await session.broker.catalog.describe_cluster()


async def test_a_profile() -> None:
    broker = KafkaFixture()
    kafka = BrokerEndpoint(broker.url)
    ProfileStore().add(Profile("shop", {BrokerKind.KAFKA: kafka}, read_only=True, prefix="ours"))
    async with open_session("shop", adapters=broker.connect) as session:
        assert (session.target, session.policy.profile, session.address.prefix) == ("shop", "shop", "ours")
        assert not session.policy.permits(Verb.PUBLISH)


async def test_a_profile_of_several_brokers_needs_the_kind() -> None:
    world = MemoryWorld()
    ProfileStore().add(
        Profile(
            "all",
            {BrokerKind.KAFKA: BrokerEndpoint(KafkaFixture.url), BrokerKind.REDIS: BrokerEndpoint(RedisFixture.url)},
        )
    )
    with pytest.raises(BadInput) as found:
        async with open_session("all", adapters=world.connect):
            pass
    assert "all/kafka, all/redis" in found.value.hint
    for session in (
        open_session("all/redis", adapters=world.connect),
        open_session("all", BrokerKind.REDIS, adapters=world.connect),
    ):
        async with session as one:
            assert (one.target, one.broker.kind) == ("all/redis", BrokerKind.REDIS)


@pytest.mark.parametrize(("target", "error"), [("nobody", NotFound), ("http://x", BadInput), ("redrive", NotFound)])
async def test_what_is_no_target(target: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        async with open_session(target, adapters=MemoryWorld().connect):
            pass


async def test_an_adapter_is_closed_whatever_happens(broker: MemoryFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    async def close(adapter: MemoryAdapter) -> None:
        closed.append(adapter.broker.kind)

    monkeypatch.setattr(MemoryAdapter, "close", close)
    with pytest.raises(ZeroDivisionError):
        async with open_session(broker.url, adapters=broker.connect):
            raise ZeroDivisionError
    assert closed == [broker.kind]


async def test_looks_with_a_price_are_remembered_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = RabbitMQFixture()
    made: list[Adapter] = []

    def connect(address: Address) -> Adapter:
        made.append(broker.connect(address))
        return made[-1]

    monkeypatch.setattr(MemoryAdapter, "peek_budget", None, raising=False)
    async with open_session(broker.url, adapters=connect):
        (adapter,) = made
        assert isinstance(adapter, HasPeekBudget)
        assert isinstance(adapter.peek_budget, StoredPeekBudget)
