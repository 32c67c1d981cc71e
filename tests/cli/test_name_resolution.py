"""A word means the same in every command: the name as it stands first, and where two things fit neither."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any, cast

import pika
import pytest
from redis import Redis

from mqtui.domain.name_quoting import join
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui
from tests.cli.test_untrusted_text import tell

ODD: tuple[str | bytes, ...] = (
    "s:plain",
    "stream:stream:x",
    "-n",
    "--yes",
    "a b",
    "it's",
    "\x1b[0m",
    "bad\nrow",
    "bad␊row",
    b"\xff",
    "*",
    "",
)


@pytest.fixture
def client(redis: BrokerFixture) -> Iterator[Redis]:
    """A client of somebody else. Its streams begin with a kind, so the test takes away what it made itself."""
    made: Redis = Redis.from_url(redis.url)
    before = set(made.keys())
    yield made
    for key in set(made.keys()) - before:
        made.delete(key)
    made.close()


def test_the_name_as_it_stands_is_the_one_that_is_emptied(mqtui: Mqtui, redis: BrokerFixture, client: Redis) -> None:
    name = f"{redis.world.prefix}:dlq"
    literal = f"stream:{name}"
    client.xadd(literal, {"a": "1", "dlq_reason": "x"})
    assert "a=1" in mqtui("peek", redis.url, literal).ok().text
    client.xadd(name, {"customer": "other", "dlq_reason": "x"})
    spelled = f"stream:{literal} is the stream {literal}, {name} is the stream {name}"
    for words in (
        ("discard", "--yes"),
        ("peek",),
        ("dlq",),
        ("redrive", "--yes"),
        ("publish", "--value", "x", "--yes"),
    ):
        mqtui(words[0], redis.url, literal, *words[1:]).fails(4, f"{literal} is the name of 2 things", spelled)
    assert (client.xlen(literal), client.xlen(name)) == (1, 1)
    for typed, key in ((f"stream:{literal}", literal), (name, name)):
        mqtui("publish", redis.url, typed, "--value", "x", "--yes").ok()
        assert client.xlen(key) == 2, typed
    mqtui("discard", redis.url, literal, "--kind", "stream", "--yes").ok()
    assert (client.xlen(literal), client.xlen(name)) == (0, 2)


def test_letters_go_to_the_name_as_it_stands(mqtui: Mqtui, redis: BrokerFixture, client: Redis) -> None:
    trap = f"{redis.world.prefix}trap"
    client.xadd(f"stream:{trap}:dlq", {"a": "1"})
    client.xadd(f"stream:{trap}", {"a": "0"})
    mqtui("redrive", redis.url, f"stream:{trap}:dlq", "--to", f"stream:{trap}", "--yes").ok()
    assert (client.xlen(f"stream:{trap}"), client.xlen(f"stream:{trap}:dlq")) == (2, 0)
    client.xadd(trap, {"a": "0"})
    client.xadd(f"stream:{trap}:dlq", {"a": "1"})
    words = ("redrive", redis.url, f"stream:{trap}:dlq", "--yes", "--to", f"stream:{trap}")
    mqtui(*words).fails(4, "is the name of 2 things")
    mqtui(*words, "--to-kind", "stream").ok()
    assert (client.xlen(trap), client.xlen(f"stream:{trap}")) == (1, 3)


def test_what_the_list_shows_is_read_back(mqtui: Mqtui, redis: BrokerFixture, client: Redis) -> None:
    """Every name, typed as `ls` shows it, is looked at; of two that are shown alike both spellings are told."""
    for number, odd in enumerate(ODD):
        tell(client, "XADD", odd, "*", "number", str(number))
    rows = [line.split("  stream ")[0].rstrip() for line in mqtui("ls", redis.url).ok().text.splitlines()[1:]]
    assert rows.count("bad␊row") == 2
    for number, shown in ((0, "s:plain"), (1, "stream:stream:x"), (4, "a b"), (6, "␛[0m"), (9, "\\xff"), (10, "*")):
        assert shown in rows
        assert f"number={number}" in mqtui("peek", redis.url, shown).ok().text
    assert "number=11" in mqtui("peek", redis.url, "stream:").ok().text
    told = mqtui("peek", redis.url, "bad␊row").fails(4, "is the name of 2 things").err
    assert "$'bad\\nrow'" in told
    assert "number=8" in mqtui("peek", redis.url, "bad␊row", "--kind", "stream").ok().text
    assert "number=2" in mqtui("peek", redis.url, "--", "-n").ok().text


def test_a_queue_and_an_exchange_of_one_name(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    name = rabbitmq.world.create("both").name
    host, port = rabbitmq.world.address.hosts[0]
    with pika.BlockingConnection(pika.ConnectionParameters(host, port)) as connection:
        channel = connection.channel()
        channel.exchange_declare(name, cast("Any", "fanout"))
        try:
            listed = mqtui("ls", rabbitmq.url).ok().text
            assert f"\nqueue:{name} " in listed and f"\nexchange:{name} " in listed
            both = f"queue:{name} is the queue {name}, exchange:{name} is the exchange {name}"
            mqtui("publish", rabbitmq.url, name, "--value", "x", "--yes").fails(4, both)
            mqtui("publish", rabbitmq.url, f"queue:{name}", "--value", "here", "--yes").ok()
            assert "here" in mqtui("peek", rabbitmq.url, name).ok().text
        finally:
            channel.exchange_delete(name)


def test_nothing_of_that_name_is_told_in_both_its_kinds(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    ref = rabbitmq.world.create("dead")
    told = "There is no queue 'nothere' and no exchange 'nothere'"
    mqtui("publish", rabbitmq.url, "nothere", "--value", "x", "--yes").fails(1, told)
    mqtui("tail", rabbitmq.url, "nothere").fails(1, told)
    mqtui("redrive", rabbitmq.url, ref.name, "--to", "nothere", "--yes").fails(1, told)


def test_a_group_by_its_name_as_it_stands(mqtui: Mqtui, redis: BrokerFixture, client: Redis) -> None:
    stream = f"group:{redis.world.prefix}"
    client.xgroup_create(stream, "g", "0", mkstream=True)
    (row,) = mqtui("lag", redis.url, f"{stream}/g", "--json").ok().rows()
    assert row["group"] == f"{stream}/g"
    client.xgroup_create(redis.world.prefix, "g", "0", mkstream=True)
    mqtui("lag", redis.url, f"{stream}/g").fails(4, "is the name of 2 groups", f"{redis.world.prefix}/g")
    (row,) = mqtui("lag", redis.url, f"{stream}/g", "--kind", "group", "--json").ok().rows()
    assert row["group"] == f"{stream}/g"


def test_the_audit_keeps_a_command_that_runs_again(mqtui: Mqtui, redis: BrokerFixture, client: Redis) -> None:
    odd = f"{redis.world.prefix}it's\n\x1b]2;T\x07"
    client.xadd(odd, {"a": "1"})
    mqtui("publish", redis.url, odd, "--value", "x", "--yes").ok()
    (begun, *_) = [row for row in mqtui("audit", "--json").ok().rows() if row["event"] == "begin"]
    assert begun["command"].isprintable()
    word = subprocess.run(["bash", "-c", f'set -- {begun["command"]}; printf %s "$4"'], capture_output=True, check=True)
    assert word.stdout.decode() == odd and join([odd]) in begun["command"]


def test_a_name_that_no_queue_can_have_is_not_there(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    """RabbitMQ takes line breaks out of what it is asked for, so the queue without them would answer."""
    name = rabbitmq.world.create("broken").name
    for url in (rabbitmq.url, rabbitmq.url.partition("?")[0]):
        for odd in ("n" * 300, f"{name[:-1]}\n{name[-1]}", f"{name}\r", "\udcff"):
            mqtui("peek", url, odd).fails(1, "There is no queue")
            mqtui("publish", url, odd, "--value", "x", "--yes").fails(1, "There is no queue", "and no exchange")
