"""What there is on a RabbitMQ: names of any kind, depths, routes, consumers; and why a connection fails."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from mqtui.brokers.port import HasPeekBudget
from mqtui.brokers.rabbitmq.read.bindings import binding_matches
from mqtui.brokers.rabbitmq.read.policies import queue_definition
from mqtui.domain.capability import Verb
from mqtui.domain.errors import (
    BadInput,
    NoSuchSpace,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    TlsRefused,
    Unreachable,
    Unsupported,
)
from mqtui.domain.plan import CreateStateTopic
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import Destination
from tests.contract.rabbitmq_test_client import (
    QUORUM,
    STREAM,
    Rabbit,
    adapter,
    queue_ref,
    until,
    without_management,
    writer,
)

ODD = "test größe / 🧵 %2F ?#"


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


async def listed(rabbit: Rabbit) -> dict[Ref, Destination]:
    async with adapter(rabbit.address) as broker:
        rows: dict[Ref, Destination] = {}
        async for page in broker.broker.catalog.list_destinations():
            rows.update({row.ref: row for row in page.items})
        return rows


async def test_names_come_first_and_then_depths(rabbit: Rabbit) -> None:
    """Figures of classic queues are exact, those of quorum queues and streams are marked as near."""
    classic, quorum, stream, exchange = rabbit.queue(), rabbit.queue(QUORUM), rabbit.queue(STREAM), rabbit.exchange()
    rabbit.fill(classic, [b"1", b"2", b"3"])
    async with adapter(rabbit.address) as broker:
        told = [row async for page in broker.broker.catalog.list_destinations() for row in page.items]
    mine = [row for row in told if row.ref == queue_ref(classic)]
    assert [row.messages.known for row in mine] == [False, True]
    assert (mine[1].messages.number, mine[1].backlog.number, mine[1].type) == (3, 3, "classic")
    kinds = {row.ref: row.type for row in told}
    assert kinds[queue_ref(quorum)] == "quorum"
    assert kinds[Ref(Kind.STREAM, stream)] == "stream"
    assert kinds[Ref(Kind.EXCHANGE, exchange)] == "direct"
    assert all(row.internal for row in told if row.ref.name.startswith("amq."))


async def test_names_with_spaces_slashes_and_emoji(rabbit: Rabbit) -> None:
    queue = rabbit.queue(name=rabbit.name(ODD))
    rabbit.fill(queue, [b"x"])
    assert queue_ref(queue) in await listed(rabbit)
    async with adapter(rabbit.address) as broker:
        row = await broker.broker.catalog.describe(queue_ref(queue))
        assert (row.ref, row.messages.number) == (queue_ref(queue), 1)
        assert [group.ref.name for group in await broker.broker.groups.list_groups(queue_ref(queue))] == [queue]
        with pytest.raises(NotFound):
            await broker.broker.catalog.describe(queue_ref("\udcff"))


async def test_a_peek_creates_nothing(rabbit: Rabbit) -> None:
    missing = rabbit.name()
    async with adapter(rabbit.address) as broker:
        for ref in (queue_ref(missing), Ref(Kind.EXCHANGE, missing), Ref(Kind.STREAM, missing), Ref(Kind.TOPIC, "t")):
            with pytest.raises(NotFound):
                await broker.broker.catalog.describe(ref)
    async with adapter(without_management(rabbit.address)) as broker:
        for ref in (queue_ref(missing), Ref(Kind.EXCHANGE, missing)):
            with pytest.raises(NotFound):
                await broker.broker.catalog.describe(ref)
    assert missing not in {ref.name for ref in await listed(rabbit)}


async def test_dead_letter_routes_are_followed_to_queues(rabbit: Rabbit) -> None:
    """By argument and policy, over the default, fanout and topic exchanges, and one exchange bound to another."""
    dlq, second = rabbit.queue(), rabbit.queue()
    fanout, topic = rabbit.exchange("fanout"), rabbit.exchange("topic")
    rabbit.channel.queue_bind(dlq, fanout)
    rabbit.channel.queue_bind(second, topic, "dead.#")
    rabbit.channel.exchange_bind(fanout, topic, "dead.letter")
    straight = rabbit.queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dlq})
    spread = rabbit.queue({"x-dead-letter-exchange": fanout})
    both = rabbit.queue({"x-dead-letter-exchange": topic, "x-dead-letter-routing-key": "dead.letter"})
    one = rabbit.queue({"x-dead-letter-exchange": topic, "x-dead-letter-routing-key": "dead.other"})
    gone = rabbit.queue({"x-dead-letter-exchange": rabbit.name("nowhere")})
    ruled = rabbit.name()
    rabbit.policy(f"^{ruled}$", {"dead-letter-exchange": fanout})
    rabbit.queue(name=ruled)
    rows = await listed(rabbit)
    leads = {
        name: set(rows[queue_ref(name)].dead_letters_to) for name in (straight, spread, both, one, gone, ruled, dlq)
    }
    assert leads == {
        straight: {queue_ref(dlq)},
        spread: {queue_ref(dlq)},
        both: {queue_ref(dlq), queue_ref(second)},
        one: {queue_ref(second)},
        gone: set(),
        ruled: {queue_ref(dlq)},
        dlq: set(),
    }
    async with adapter(rabbit.address) as broker:
        catalog = broker.broker.catalog
        assert (await catalog.describe(queue_ref(ruled))).dead_letters_to == (queue_ref(dlq),)
        said = {(each.part, each.name): each for each in await catalog.list_properties(queue_ref(ruled))}
        assert said["policy", "dead-letter-exchange"].value == fanout
        said = {(each.part, each.name): each for each in await catalog.list_properties(queue_ref(one))}
        assert said["argument", "x-dead-letter-routing-key"].value == "dead.other"
        said = {(each.part, each.name): each for each in await catalog.list_properties(queue_ref(second))}
        assert (said["binding", topic].value, said["binding", topic].source) == ("key dead.#", "from")
        assert ("binding", "(default)") in said
        said = {(each.part, each.name): each for each in await catalog.list_properties(Ref(Kind.EXCHANGE, topic))}
        assert (said["binding", second].value, said["binding", fanout].source) == ("key dead.#", "exchange")


@pytest.mark.parametrize(
    ("sort", "pattern", "key", "passes"),
    [
        ("direct", "a", "a", True),
        ("direct", "a", "b", False),
        ("fanout", "", "b", True),
        ("headers", "", "b", True),
        ("topic", "a.*", "a.b", True),
        ("topic", "a.*", "a.b.c", False),
        ("topic", "a.#", "a", True),
        ("topic", "a.#", "a.b.c", True),
        ("topic", "#", "", True),
        ("topic", "#.c", "c", True),
        ("topic", "#.c", "a.b.c", True),
        ("topic", "#.c", "abc", False),
        ("topic", "a.#.c", "a.c", True),
        ("topic", "*.b.#", "b", False),
        ("topic", "a.b", None, True),
        ("topic", "", "", True),
        ("topic", "*", "", False),
        ("topic", "a.*", "a.", True),
        ("topic", "#.#", "", True),
        ("topic", "#.*.#", "", False),
        ("topic", "#.a.#.a.#.a.#.a.#.a.#.a.#.b", ".".join("a" * 120), False),
        ("topic", "#.a.#.a.#.a.#.a.#.a.#.a.#.b", ".".join("a" * 120 + "b"), True),
    ],
)
def test_bindings_let_routing_keys_through(sort: str, pattern: str, key: str | None, passes: bool) -> None:
    assert binding_matches(sort, pattern, key) is passes


def test_the_strongest_policy_holds_and_an_operators_number_lowers_it() -> None:
    """R4: min(policy, operator policy); a scope that does not fit, or a pattern that can't be read, does not apply."""
    own = [
        {"pattern": "^w", "definition": {"delivery-limit": 9}, "priority": 1, "apply-to": "queues"},
        {"pattern": "^work$", "definition": {"delivery-limit": 7, "max-length": 5}, "priority": 2},
        {"pattern": "work", "definition": {"delivery-limit": 1}, "priority": 3, "apply-to": "exchanges"},
        {"pattern": "(", "definition": {"delivery-limit": 1}, "priority": 4},
    ]
    operators = [{"pattern": "work", "definition": {"delivery-limit": 3, "expires": 1}, "apply-to": "quorum_queues"}]
    row = {"name": "work", "type": "quorum"}
    assert queue_definition(row, own, operators) == {"delivery-limit": 3, "max-length": 5, "expires": 1}
    assert queue_definition({**row, "type": "classic"}, own, operators) == {"delivery-limit": 7, "max-length": 5}
    assert queue_definition({"name": "none"}, own, operators) == {}


async def test_consumers_of_a_queue_are_its_group(rabbit: Rabbit) -> None:
    """Lag is what is ready and what is unacknowledged; a stream's is unknown, with the reason."""
    busy, idle, stream = rabbit.queue(), rabbit.queue(), rabbit.queue(STREAM)
    rabbit.fill(busy, [b"1", b"2", b"3"])
    with rabbit.consumer(busy):
        rabbit.wait_until_ready(busy, 2)
        until(lambda: '"user":"guest"' in rabbit.management.get("/consumers/%2F").text, "the consumer's user is told")
        async with adapter(rabbit.address) as broker:
            groups = {group.ref.name: group for group in await broker.broker.groups.list_groups()}
            wanted = [groups[name].ref for name in (busy, idle, stream)]
            lags = {lag.group.name: lag async for lag in broker.broker.groups.lag(wanted)}
            with pytest.raises(NotFound):
                await broker.broker.groups.list_groups(queue_ref(rabbit.name()))
            said = await broker.broker.catalog.list_properties(queue_ref(busy))
    (consumer,) = [each for each in said if each.part == "consumer"]
    assert (consumer.name, consumer.value) == ("somebody", "prefetch 1 · acks · user guest")
    (member,) = groups[busy].members
    assert (member.name, member.assigned, groups[busy].reads) == ("somebody", ((busy, 0),), (queue_ref(busy),))
    assert (groups[busy].pending.number, groups[idle].members, groups[idle].state) == (1, (), "no consumers")
    assert (lags[busy].total.number, lags[idle].total.number, lags[stream].total.number) == (3, 0, None)
    assert lags[stream].parts[0].lag.why


async def test_the_cluster_tells_its_version_and_user(rabbit: Rabbit) -> None:
    async with adapter(rabbit.address) as broker:
        cluster = await broker.broker.catalog.describe_cluster()
    assert (cluster.kind, cluster.nodes) == (BrokerKind.RABBITMQ, 1)
    assert cluster.version == rabbit.version
    facts = dict(cluster.facts)
    assert (facts["vhost"], facts["user"], facts["tags"]) == ("/", "guest", "administrator")


async def test_verbs_are_offered_or_refused_with_the_reason(rabbit: Rabbit) -> None:
    """No pending entries; no tail of a queue (C10); no removal from a stream; no list without the management API."""
    queue, stream, exchange = rabbit.queue(), rabbit.queue(STREAM), rabbit.exchange()
    async with adapter(rabbit.address) as broker:
        can = broker.broker.can
        assert broker.broker.pending is None
        for verb, ref in (
            (Verb.PENDING, None),
            (Verb.CLAIM, queue_ref(queue)),
            (Verb.ACK, queue_ref(queue)),
            (Verb.TAIL, queue_ref(queue)),
            (Verb.PEEK, Ref(Kind.EXCHANGE, exchange)),
            (Verb.REDRIVE, Ref(Kind.STREAM, stream)),
            (Verb.DISCARD, queue_ref(stream)),
        ):
            support = await can(verb, ref)
            assert (bool(support), bool(support.reason), bool(support.hint)) == (False, True, True), verb
        for verb, ref in ((Verb.LIST, None), (Verb.TAIL, queue_ref(stream)), (Verb.REDRIVE, queue_ref(queue))):
            assert await can(verb, ref), verb
        with pytest.raises(Unsupported):
            await writer(broker).apply(CreateStateTopic("x"))
        assert isinstance(broker, HasPeekBudget)
    async with adapter(without_management(rabbit.address)) as broker:
        assert "management" in (await broker.broker.can(Verb.LIST)).hint
        assert await broker.broker.can(Verb.PUBLISH, queue_ref(queue))
        with pytest.raises(Unsupported) as told:
            await anext(aiter(broker.broker.catalog.list_destinations()))
        assert "?management=" in told.value.hint
        with pytest.raises(Unsupported):
            await broker.broker.groups.list_groups()
        row = await broker.broker.catalog.describe(queue_ref(queue))
        assert (row.type, row.backlog.number, row.messages.number) == ("unknown", 0, None)
        said = {each.part: each for each in await broker.broker.catalog.list_properties(queue_ref(queue))}
        assert said["queue"].value == "0" and said["policy"].value is None and "management" in said["policy"].source
        (hidden,) = await broker.broker.catalog.list_properties(Ref(Kind.EXCHANGE, exchange))
        assert hidden.value is None and "management" in hidden.source


async def test_a_failed_connection_says_why(rabbit: Rabbit) -> None:
    """Host, port, login, vhost, TLS, the management API: each has its own words, and none holds the password."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        closed_port = taken.getsockname()[1]
        right = rabbit.address
        host, port = right.hosts[0]
        for address, error in (
            (replace(right, hosts=(("127.0.0.1", closed_port),)), Unreachable),
            (replace(right, hosts=(("nowhere.invalid", 5672),)), Unreachable),
            (replace(right, secret="wrong-secret"), NotAuthenticated),
            (replace(right, path="no such vhost"), NoSuchSpace),
            (replace(right, tls=True), TlsRefused),
        ):
            async with adapter(address) as broker:
                with pytest.raises(error) as told:
                    await broker.broker.catalog.describe_cluster()
                assert told.value.title
                assert "wrong-secret" not in str(told.value)
        for url, problem in (
            (f"http://127.0.0.1:{closed_port}", Unreachable),
            (f"http://guest:wrong@{right.options['management'].removeprefix('http://')}", NotAuthenticated),
            (f"http://{host}:{port}", Unreachable),
        ):
            async with adapter(replace(right, options={"management": url})) as broker:
                with pytest.raises(problem):
                    await anext(aiter(broker.broker.catalog.list_destinations()))


async def test_a_user_without_a_tag_or_a_vhost_is_reported(rabbit: Rabbit) -> None:
    with rabbit.user() as address:
        rabbit.management.put(f"/users/{address.user}", json={"password": "secret", "tags": ""})
        async with adapter(address) as broker:
            with pytest.raises((NotAuthenticated, NotAuthorised)):
                await anext(aiter(broker.broker.catalog.list_destinations()))
        rabbit.management.delete(f"/permissions/%2F/{address.user}")
        async with adapter(address) as broker:
            with pytest.raises((NotAuthorised, NotAuthenticated)):
                await broker.broker.catalog.describe_cluster()


def test_options_that_do_not_exist_are_refused(rabbit: Rabbit) -> None:
    from mqtui.brokers.rabbitmq.adapter import connect

    for options in ({"nonsense": "1"}, {"timeout-ms": "soon"}, {"management": "localhost:15672"}):
        with pytest.raises(BadInput):
            connect(replace(rabbit.address, options=options))
