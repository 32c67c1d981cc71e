"""Names and texts of strangers on their way to a reader: nothing in them is obeyed, no line of theirs is a row."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from redis import Redis

from tests.brokers import Brokers
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui
from tests.contract.worlds import address_of
from tests.terminal import Terminal

CLIPBOARD = "\x1b]52;c;cHduZWQ=\x07"
TITLE = "\x1b]2;PWNED\x07"
OBEYED = re.compile(rb"\x1b\]|\x07|\xc2\x9b|\x0d|\xe2\x80[\xae\xa8]")
"""Starts of operating system commands, bells, carriage returns, and a mark that turns the direction."""


@pytest.fixture
def stranger(redis: BrokerFixture) -> Iterator[Redis]:
    """A client of somebody else, whose streams begin like the fixture's."""
    client: Redis = Redis.from_url(redis.url)
    yield client
    for key in client.scan_iter(match=f"{redis.world.prefix}*"):
        client.delete(key)
    client.close()


def tell(client: Redis, *words: str | bytes) -> None:
    ask: Callable[..., Any] = client.execute_command
    ask(*words)


def add(client: Redis, key: str | bytes, *fields: str) -> None:
    tell(client, "XADD", key, "*", *fields)


def rows_of(text: bytes, prefix: str) -> list[str]:
    return [line for line in text.decode().splitlines() if line.startswith(prefix)]


@pytest.mark.parametrize(
    ("odd", "shown"),
    [
        (f"{CLIPBOARD}evil", "␛]52;c;cHduZWQ=␇evil"),
        ("bad\nrow", "bad␊row"),
        ("cr\rx", "cr␍x"),
        ("turned\u202etxt", "turned<U+202E>txt"),
        ("sep\u2028x", "sep<U+2028>x"),
    ],
)
def test_a_name_is_one_row_and_nothing_in_it_is_obeyed(
    mqtui: Mqtui, redis: BrokerFixture, stranger: Redis, odd: str, shown: str
) -> None:
    prefix = redis.world.prefix
    add(stranger, prefix + odd, "a", "1")
    tell(stranger, "XGROUP", "CREATE", prefix + odd, f"g{odd}", "0")
    for words in (("ls",), ("lag",), ("groups",)):
        done = mqtui(words[0], redis.url).ok()
        assert not OBEYED.search(done.out), done.out
        named = rows_of(done.out, prefix) or [line for line in done.text.splitlines() if prefix + shown in line]
        assert [line for line in named if prefix + shown in line], done.text
        assert len([line for line in done.text.splitlines() if "row" in line and prefix not in line]) == 0
    plan = mqtui("publish", redis.url, prefix + odd, "--value", "x", "--dry-run").ok()
    assert not OBEYED.search(plan.out + plan.err.encode())
    assert prefix + shown in plan.text
    mqtui("publish", redis.url, prefix + odd, "--value", "x", "--yes").ok()
    audit = mqtui("audit").ok()
    assert not OBEYED.search(audit.out)
    assert prefix + shown in audit.text
    exact = [row["resource"] for row in mqtui("ls", redis.url, "--json").ok().rows()]
    assert prefix + odd in exact


def test_columns_stand_under_each_other_in_cells(mqtui: Mqtui, redis: BrokerFixture, stranger: Redis) -> None:
    from rich.cells import cell_len

    prefix = redis.world.prefix
    for odd in ("plain", "受注の流れ", "e\u0301te\u0301", "👍"):
        add(stranger, prefix + odd, "a", "1")
    add(stranger, prefix.encode() + b"\xff", "a", "1")
    rows = [line for line in mqtui("ls", redis.url).ok().text.splitlines() if line.startswith(prefix)]
    ends = {cell_len(line[: line.index("stream")]) for line in rows}
    assert len(rows) == 5 and len(ends) == 1, rows
    assert any("\\xff" in line for line in rows)


def test_the_reason_of_a_letter_is_not_obeyed(mqtui: Mqtui, redis: BrokerFixture, stranger: Redis) -> None:
    dlq = f"{redis.world.prefix}d:dlq"
    add(stranger, f"{redis.world.prefix}d", "a", "1")
    add(stranger, dlq, "dlq_stream", f"{redis.world.prefix}d", "dlq_exception", f"Ex{CLIPBOARD}", "dlq_reason", "r\nr")
    done = mqtui("dlq", redis.url, dlq).ok()
    assert not OBEYED.search(done.out)
    assert "Ex␛]52" in done.text


def test_a_group_id_is_not_obeyed(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    topic = kafka.world.create("topic").name
    hosts = ",".join(f"{host}:{port}" for host, port in address_of(kafka.url).hosts)
    producer = Producer({"bootstrap.servers": hosts})
    producer.produce(topic, b"x")
    producer.flush()
    group = f"{kafka.world.prefix}g{TITLE}\x1b[42m"
    consumer = Consumer({"bootstrap.servers": hosts, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)
    consumer.close()
    for verb in ("lag", "groups"):
        done = mqtui(verb, kafka.url).ok()
        assert not OBEYED.search(done.out) and b"\x1b" not in done.out
        assert "g␛]2;PWNED␇␛[42m" in done.text


@pytest.fixture
def own_redis(brokers: Brokers) -> Iterator[str]:
    """A server with nothing in it but a test's own, so that the list has room for a long name."""
    yield brokers.servers.start_redis("obeyed")
    brokers.servers.discard("obeyed")


def test_the_console_obeys_no_name(mqtui: Mqtui, own_redis: str) -> None:
    """What reaches the pseudo-terminal, list, groups, message and menu, has no title and no clipboard in it."""
    odd = f"odd[/]{TITLE}{CLIPBOARD}bad\nrow"
    with closing(Redis.from_url(own_redis)) as stranger:
        add(stranger, odd, "field\x1b]2;PWNED\x07", "a\x1b]2;PWNED\x07")
        tell(stranger, "XGROUP", "CREATE", odd, f"g{TITLE}", "0")
    environment: dict[str, Any] = mqtui.environment() | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Terminal([sys.executable, "-m", "mqtui", own_redis], environment, (160, 50)) as console:
        console.reads("odd[/]␛]2;PWNED␇")
        console.press("m")
        console.reads("publish")
        console.press("\x1b")
        console.press("\r")
        console.reads("field␛]2;PWNED␇")
        console.press("2")
        console.reads("g␛]2;PWNED␇")
        assert b"PWNED\x07" not in console.written
        assert b"]52;c;cHduZWQ=\x07" not in console.written
        console.press("q")
