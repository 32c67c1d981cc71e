"""Broker URLs: every form of the contract, and mistakes told without the password."""

import re
from dataclasses import replace

import pytest

from mqtui.brokers.port import Address
from mqtui.domain.errors import BadInput
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.url import format_url, parse_url

KAFKA, RABBITMQ, REDIS = BrokerKind.KAFKA, BrokerKind.RABBITMQ, BrokerKind.REDIS
GOOD = {
    "kafka://h": Address(KAFKA, (("h", 9092),)),
    "kafka://h/": Address(KAFKA, (("h", 9092),)),
    "KAFKA://h1:1,h2,[::1]:3": Address(KAFKA, (("h1", 1), ("h2", 9092), ("::1", 3))),
    "kafka+ssl://a:p%40%2F%25@h:1?tls.ca=/x/ca.pem&sasl.mechanism=PLAIN": Address(
        KAFKA, (("h", 1),), "a", "p@/%", True, options={"tls.ca": "/x/ca.pem", "sasl.mechanism": "PLAIN"}
    ),
    "kafka://a:p@ss@h": Address(KAFKA, (("h", 9092),), "a", "p@ss"),
    "amqp://h": Address(RABBITMQ, (("h", 5672),), path="/"),
    "amqp://h/": Address(RABBITMQ, (("h", 5672),), path="/"),
    "amqp://h//": Address(RABBITMQ, (("h", 5672),), path="/"),
    "amqp://h/%2F": Address(RABBITMQ, (("h", 5672),), path="/"),
    "amqps://u:p@h/%2Fa%20b%FF": Address(RABBITMQ, (("h", 5671),), "u", "p", True, "/a b\udcff"),
    "amqp://u:p@h:1/v?management=http://m:2": Address(
        RABBITMQ, (("h", 1),), "u", "p", path="v", options={"management": "http://m:2"}
    ),
    "redis://h": Address(REDIS, (("h", 6379),), path="0"),
    "redis://:p@h/03": Address(REDIS, (("h", 6379),), "", "p", path="3"),
    "rediss://u@h/3?tls.verify=False": Address(
        REDIS, (("h", 6379),), "u", tls=True, path="3", options={"tls.verify": "no"}
    ),
    "redis+sentinel://h:1,h2/my%2Fmaster/4": Address(
        REDIS, (("h", 1), ("h2", 26379)), path="4", variant="sentinel", options={"service": "my/master"}
    ),
    "redis+sentinel://h/m": Address(REDIS, (("h", 26379),), path="0", variant="sentinel", options={"service": "m"}),
    "rediss+cluster://u:p@h:1,h:2": Address(
        REDIS, (("h", 1), ("h", 2)), "u", "p", tls=True, path="0", variant="cluster"
    ),
    "unix://u:p@/run/redis%20one.sock?db=3": Address(
        REDIS, (("/run/redis one.sock", 0),), "u", "p", path="3", variant="unix"
    ),
    "kafka+ssl://h?tls.key-password=env:KEY_WORD": Address(
        KAFKA, (("h", 9092),), tls=True, options={"tls.key-password": "env:KEY_WORD"}
    ),
}
OTHERS = {
    "valkey://h/2": "redis://h:6379/2",
    "valkeys://u@h": "rediss://u@h:6379",
    "valkey+sentinel://h/m": "redis+sentinel://h:26379/m/0",
    "redis+socket:///run/redis.sock?db=2": "unix:///run/redis.sock?db=2",
    "redis://h?db=5": "redis://h:6379/5",
    "rediss://h/5?db=5&ssl_cert_reqs=none": "rediss://h:6379/5?tls.verify=no",
    "rediss://h?ssl_cert_reqs=required&ssl_ca_certs=/ca&ssl_certfile=/c&ssl_keyfile=/k": (
        "rediss://h:6379?tls.verify=yes&tls.ca=/ca&tls.cert=/c&tls.key=/k"
    ),
    "redis://h?socket_timeout=1.5&socket_connect_timeout=2": "redis://h:6379?reply-ms=1500&timeout-ms=2000",
    "amqp://h?heartbeat=10&connection_timeout=3000": "amqp://h:5672?heartbeat=10&timeout-ms=3000",
    "amqps://h?verify=verify_none&cacertfile=/ca&server_name_indication=x&auth_mechanism=external": (
        "amqps://h:5671?tls.verify=no&tls.ca=/ca&tls.server-name=x&sasl.mechanism=EXTERNAL"
    ),
    "amqps://h?no_verify_ssl=1": "amqps://h:5671?tls.verify=no",
    "kafka+ssl://u@h?sasl_mechanism=SCRAM-SHA-512&ssl_cafile=/ca": (
        "kafka+ssl://u@h:9092?sasl.mechanism=SCRAM-SHA-512&tls.ca=/ca"
    ),
}
ANSWERED = {
    "redis://h?ssl=true": "rediss://",
    "redis://h?password=hunter2": "--password-stdin",
    "redis://h?decode_responses=True": "leave it out",
    "redis://h/1?db=2": "two databases",
    "unix://h/run/x.sock": "unix:///path",
    "amqp://h?vhost=shop": "path of the URL",
    "amqp://h?channel_max=5": "leave it out",
    "amqps://h?ssl_options=x": "tls.ca",
    "amqps://h?verify=perhaps": "tls.verify",
    "kafka://h?security.protocol=SASL_SSL": "kafka+ssl://",
    "kafka://h?sasl.username=u": "before the host",
    "kafka://h?sasl.password=hunter2": "before the host",
    "kafka://h?group.id=x": "guarantees",
    "kafka://h?ssl.key.pem=hunter2": "ssl.key.pem=env:NAME",
    "kafka://h?sasl.oauthbearer.assertion.private.key.passphrase=hunter2": "keyring",
    "kafka://h?nosuch=1": "sasl.mechanism",
    "rediss://h?ssl_password=hunter2": "tls.key-password=keyring",
    "rediss://h?tls.ca=/a&ssl_ca_certs=/b": "given twice",
}


@pytest.mark.parametrize("url", OTHERS)
def test_what_other_clients_write_is_understood(url: str) -> None:
    assert format_url(parse_url(url)[0]) == OTHERS[url]


@pytest.mark.parametrize("url", ANSWERED)
def test_what_is_said_otherwise_here_is_answered(url: str) -> None:
    with pytest.raises(BadInput, match=re.escape(ANSWERED[url])) as told:
        parse_url(url)
    assert "hunter2" not in f"{told.value} {told.value!r}"


@pytest.mark.parametrize("url", GOOD)
def test_a_url_names_an_address(url: str) -> None:
    assert parse_url(url) == (GOOD[url], bool(GOOD[url].secret))


@pytest.mark.parametrize("url", GOOD)
def test_an_address_is_written_without_its_secret_and_read_back(url: str) -> None:
    address = GOOD[url]
    again, had_password = parse_url(format_url(address))
    assert again == replace(address, secret="") and not had_password


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("localhost:9092", "no broker URL"),
        ("http://h", "no broker URL"),
        ("kafka://h#x", "no broker URL"),
        ("kafka://", "no host"),
        ("kafka://h1,,h2", "no host"),
        ("kafka://h:0", "port of h"),
        ("kafka://h:65536", "port of h"),
        ("kafka://h:123456", "port of h"),
        ("kafka://::1:9092", "no host"),
        ("kafka://a b", "no host"),
        ("kafka://h/orders", "has no path"),
        ("amqp://h1,h2", "one host"),
        ("amqp://h/a/b", "%2F"),
        ("amqp://h/%zz", "two hex digits"),
        ("redis://h/x", "is a number"),
        ("redis://h/1/2", "is a number"),
        ("redis+cluster://h/1", "database 0 only"),
        ("redis+sentinel://h", "names the service"),
        ("kafka://h?x", "can't be read"),
        ("kafka://h?client.rack=1&client.rack=2", "twice"),
        ("kafka://h?tls.cipher=x", "no option tls.cipher"),
        ("kafka://h?tls.verify=perhaps", "yes or no"),
        ("amqp://h?management=h:15672", "no http URL"),
        ("amqp://h?management=http://h:99999", "no http URL"),
    ],
)
def test_an_invalid_url_is_reported(url: str, title: str) -> None:
    with pytest.raises(BadInput, match=title):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "kafka://u:hunter2/x@h:1",
        "kafka://u:hunter2#@h",
        "redis://:hunter2",
        "nothing://u:hunter2@h",
        "amqp://u:hunter2@h1,h2",
        "amqp://u:hunter2@h/%zz",
        "amqp://u:hunter2%zz@h",
        "redis://u:hunter2@h/x",
        "amqp://h?management=http://u:hunter2@h",
        "amqp://u:hunter2@h?management=http://u:hunter2@h",
        "kafka://h?sasl.password=hunter2",
        "kafka://h?sasl.jaas.config=hunter2",
        "kafka://u:hunter2@h?x",
    ],
)
def test_an_invalid_url_is_reported_without_the_password(url: str) -> None:
    with pytest.raises(BadInput) as told:
        parse_url(url)
    assert "hunter2" not in f"{told.value} {told.value!r}"
    assert told.value.__cause__ is None


def test_an_address_does_not_show_its_secret() -> None:
    address, had_password = parse_url("amqp://u:hunter2@h")
    assert had_password and address.secret == "hunter2"
    assert "hunter2" not in repr(address) and "hunter2" not in format_url(address)


def test_a_login_without_a_name_stays_a_login() -> None:
    address, _ = parse_url("redis://:pw@h")
    assert format_url(address) == "redis://:@h:6379"
