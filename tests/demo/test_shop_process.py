"""The shop as a process: what it says, what it does while it lives, and when it goes."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from cryptography.fernet import Fernet

from mqtui.demo.shop.connections import amqp_connection, redis_client
from mqtui.demo.shop.kafka_topics import open_consumer
from mqtui.demo.shop.names import KafkaNames, RabbitNames, RedisNames
from mqtui.demo.shop.spec import KINDS, Spec
from tests.brokers import Brokers
from tests.demo.processes import alive, until

SHOP = [sys.executable, "-P", "-m", "mqtui.demo.shop"]
SECONDS = 15.0
GONE_SECONDS = 4.0
PARENT = """
import subprocess, sys
shop = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
shop.stdin.write(sys.argv[1].encode() + b"\\n")
shop.stdin.flush()
shop.stdout.readline()
print(shop.pid, flush=True)
sys.stdin.read()
"""


def spec_for(kind: str, url: str) -> Spec:
    prefix = f"shop-{secrets.token_hex(3)}."
    return Spec(fernet_key=Fernet.generate_key().decode(), prefix=prefix, **{kind: url})


@contextmanager
def running(command: list[str], first_line: bytes) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """A process of the shop and the first line it said."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(first_line)
            process.stdin.flush()
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def ends_of_orders(url: str, prefix: str) -> int:
    names = KafkaNames(prefix)
    reader = open_consumer(url, names.shipping)
    parts = [TopicPartition(names.orders, one) for one in range(names.partitions()[names.orders])]
    ends = sum(reader.get_watermark_offsets(part, SECONDS)[1] for part in parts)
    reader.close()
    return ends


def changes_waiting(url: str, prefix: str) -> int:
    connection = amqp_connection(url)
    queue = RabbitNames(prefix).feed_warehouse
    count = connection.channel().queue_declare(queue, passive=True).method.message_count or 0
    connection.close()
    return count


def payments_written(url: str, prefix: str) -> int:
    client = redis_client(url)
    names = RedisNames(prefix)
    count: Any = client.xlen(names.payments)
    client.close()
    return int(count)


COUNTS: dict[str, Callable[[str, str], int]] = {
    "kafka": ends_of_orders,
    "rabbitmq": changes_waiting,
    "redis": payments_written,
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_seeds_then_trades_until_standard_input_ends(kind: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    spec = spec_for(kind, url)
    with running(SHOP, spec.to_line()) as (process, news):
        assert news["seeded"] == kind
        assert news["seconds"] < 10
        assert sum(news["letters"].values()) >= 12
        assert all(name.startswith(spec.prefix) for name in news["letters"])
        assert ("registry" in news) is (kind == "kafka")
        before = COUNTS[kind](url, spec.prefix)
        until(lambda: COUNTS[kind](url, spec.prefix) > before, SECONDS, "live traffic")
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(GONE_SECONDS) == 0


def test_sigterm_ends_it(redis_url: str) -> None:
    with running(SHOP, spec_for("redis", redis_url).to_line()) as (process, news):
        assert news["seeded"] == "redis"
        process.terminate()
        assert process.wait(GONE_SECONDS) == 0


def test_it_goes_when_its_parent_is_killed(redis_url: str) -> None:
    line = spec_for("redis", redis_url).to_line().decode().strip()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, line, *SHOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    shop = int(parent.stdout.readline())
    assert alive(shop)
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    until(lambda: not alive(shop), GONE_SECONDS, "the shop follows its parent")


def test_a_broker_elsewhere_is_refused_and_its_password_not_told() -> None:
    spec = spec_for("redis", "redis://anna:geheim@10.1.2.3:6379/0")
    with running(SHOP, spec.to_line()) as (_, news):
        assert news["failed"] == "redis"
        assert "10.1.2.3" in news["error"]
        assert "MQTUI_ALLOW_REMOTE=1" in news["error"]
        assert "geheim" not in news["error"]


def test_a_broker_that_is_not_there_is_told() -> None:
    spec = spec_for("rabbitmq", "amqp://guest:guest@127.0.0.1:1/")
    with running(SHOP, spec.to_line()) as (_, news):
        assert news["failed"] == "rabbitmq"
        assert news["error"]


def test_it_goes_on_when_a_broker_was_away(brokers: Brokers) -> None:
    url = brokers.servers.start_redis("shop-away")
    try:
        spec = spec_for("redis", url)
        with running(SHOP, spec.to_line()) as (process, news):
            assert news["seeded"] == "redis"
            brokers.servers.kill("shop-away")
            brokers.servers.restart("shop-away")
            until(lambda: payments_written(url, spec.prefix) > 0, SECONDS, "the till is back")
            assert process.poll() is None
    finally:
        brokers.servers.discard("shop-away")


@pytest.mark.parametrize("line", [b"no json\n", b"{}\n", b""])
def test_a_spec_that_cannot_be_read_is_exit_2(line: bytes) -> None:
    done = subprocess.run(SHOP, input=line, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 2
    assert b"the spec can't be read" in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_mock_kafka_can_be_read() -> None:
    command = [sys.executable, "-P", "-m", "mqtui.demo.shop.mock_kafka"]
    with running(command, b"") as (process, news):
        assert news["letters"] == {"orders.DLQ": 31, "invoices-dlt": 6, "connect-dlq": 5}
        reader = open_consumer(f"kafka://{news['bootstrap']}", "reader")
        reader.assign([TopicPartition("orders.DLQ", part, 0) for part in range(4)])
        letters: list[bytes] = []

        def all_read() -> bool:
            letters.extend(message.value() or b"" for message in reader.consume(100, 0.5))
            return len(letters) >= 31

        until(all_read, SECONDS, "31 letters")
        reader.close()
        assert all(json.loads(letter)["id"] for letter in letters)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(GONE_SECONDS) == 0
