"""Cases that need servers of their own: two Kafka brokers of which one goes, and a Redis Cluster of two nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

from confluent_kafka import Consumer

from mqtui.brokers.redis.connection.hash_slots import key_slot
from tests.beside.kafka_theirs import run_tool
from tests.beside.ours import look_at
from tests.beside.redis_rows import compare_nodes
from tests.beside.rows import Place, Row
from tests.brokers import Brokers
from tests.cli.command_line import Mqtui
from tests.contract.kafka_cluster import WAIT, wait_until
from tests.contract.redis_server import own_server
from tests.contract.test_kafka_broker_down import TwoBrokers, committed
from tests.contract.test_redis_cross_slot import MIDDLE, join_cluster

GROUPS = 8
DESCRIBE = "consumer.group.ConsumerGroupCommand", "--describe", "--all-groups", "--offsets", "--timeout", "10000"


def brokers_that_go(brokers: Brokers, mqtui: Mqtui) -> Iterator[Row]:
    """C33: the coordinator of half of the groups is killed. C34: nobody answers any more."""
    pair = TwoBrokers(brokers, mqtui)
    work = pair.topic("work", 1)
    bootstrap = pair.cluster.servers["bootstrap.servers"]
    pair.cluster.fill(work, 6)
    for number in range(GROUPS):
        group = Consumer(pair.cluster.servers | {"enable.auto.commit": False, "group.id": f"beside.{number}"})
        wait_until(partial(committed, group, work), WAIT, "a coordinator takes the commit")
        group.close()
    pair.kill_second(pair.topic("gone", 2))
    ours = asyncio.run(look_at(pair.cluster.url))
    printed, complaint = run_tool(bootstrap, *DESCRIBE)
    known = sum(name.startswith("beside.") and row.total.known for name, row in ours.lags.items())
    theirs = sum(row.startswith("beside.") for row in printed.splitlines())
    place = Place("C33", "8 groups, one coordinator gone", "groups")
    yield place.expect(
        f"{known} told; {'; '.join(ours.missing)}", f"{theirs} told {_first(complaint)}", ["no coordinator"]
    )
    yield Place("C33", work.name, "waiting").compare(ours.rows[work.name].backlog, None, 6)
    brokers.servers.pause("pair")
    try:
        done = mqtui("lag", pair.cluster.url, within=120)
        complaint = "".join(run_tool(bootstrap, *DESCRIBE))
    finally:
        brokers.servers.resume("pair")
    said = f"exit {done.code}: {done.err.strip().splitlines()[0]}"
    yield Place("C34", "nobody answers", "lag").expect(said, _first(complaint), ["exit 3"])


def nodes_of_a_cluster(brokers: Brokers) -> Iterator[Row]:
    """C51."""
    options = "cluster-enabled yes", "cluster-node-timeout 2000"
    with own_server(brokers, *options) as (_, low), own_server(brokers, *options) as (name, high):
        asyncio.run(join_cluster(low, high, brokers.servers.ports(name)["bus"]))
        url = low.url.replace("redis://", "redis+cluster://")
        for number in range(5):
            name = f"s{number}"
            owner = low if key_slot(name.encode()) < MIDDLE else high
            owner.call("XADD", name, "*", "a", "b")
        yield from compare_nodes(asyncio.run(look_at(url)), asyncio.run(look_at(low.url)), [low.client, high.client])


def _first(text: str) -> str:
    lines = [row for row in text.splitlines() if row.strip()]
    return lines[0][:90] if lines else ""
