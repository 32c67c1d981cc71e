"""URLs in the environment are used instead of starting a broker: on this machine, or elsewhere only on demand."""

import pytest

from mqtui.demo.servers import BorrowedServer, Servers
from mqtui.demo.servers.external_brokers import external_url, hosts, is_loopback


@pytest.mark.parametrize(
    ("kind", "variable", "url"),
    [
        ("kafka", "MQTUI_KAFKA", "kafka://localhost:9092,127.0.0.1:9093"),
        ("rabbitmq", "MQTUI_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672/?management=http://[::1]:15672"),
        ("redis", "MQTUI_REDIS", "redis+cluster://127.0.0.2:6379"),
    ],
)
def test_a_url_of_this_machine_is_used(kind: str, variable: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, url)
    assert external_url(kind) == url
    monkeypatch.setenv(variable, "")
    assert external_url(kind) is None


@pytest.mark.parametrize(
    ("kind", "variable", "url", "host"),
    [
        ("kafka", "MQTUI_KAFKA", "kafka://127.0.0.1:9092,kafka.example.com:9092", "kafka.example.com"),
        ("rabbitmq", "MQTUI_RABBITMQ", "amqp://127.0.0.1/?management=http://10.0.0.7:15672", "10.0.0.7"),
        ("redis", "MQTUI_REDIS", "redis://:p@cache:6379/0", "cache"),
    ],
)
def test_a_url_of_another_machine_needs_a_word(
    kind: str, variable: str, url: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MQTUI_ALLOW_REMOTE", raising=False)
    monkeypatch.setenv(variable, url)
    with pytest.raises(BorrowedServer, match=host) as refused:
        external_url(kind)
    assert "MQTUI_ALLOW_REMOTE=1" in refused.value.remedy
    monkeypatch.setenv("MQTUI_ALLOW_REMOTE", "1")
    assert external_url(kind) == url


def test_a_url_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTUI_REDIS", "kafka://127.0.0.1:9092")
    with pytest.raises(BorrowedServer, match="no redis URL"):
        external_url("redis")


def test_a_refusal_is_an_arrival_without_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MQTUI_ALLOW_REMOTE", raising=False)
    monkeypatch.setenv("MQTUI_REDIS", "redis://elsewhere:6379/0")
    with Servers() as servers:
        (arrival,) = servers.start_each(["redis"])
    assert arrival.url is None
    assert isinstance(arrival.trouble, BorrowedServer)


def test_a_password_with_an_at_sign_does_not_hide_the_host() -> None:
    assert hosts("redis://:a%40b@elsewhere:6379/0") == ["elsewhere"]
    assert hosts("amqp://u:p@x@10.0.0.1:5672/") == ["10.0.0.1"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "::1"])
def test_loopback_is_known_by_its_name(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost.example.com", "0.0.0.0", "192.168.0.1", "127.0.0.1.nip.io"])
def test_anything_else_is_elsewhere(host: str) -> None:
    assert not is_loopback(host)
