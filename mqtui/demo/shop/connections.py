"""Broker URLs to client settings. All clients of the shop are made here: none goes to another machine by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from mqtui.demo.shop.loopback import refuse_remote

if TYPE_CHECKING:
    import pika
    import redis


def kafka_settings(url: str) -> dict[str, str | int | float | bool]:
    """Turn ``kafka[+ssl]://[user[:pass]@]host:port[,host:port]`` into librdkafka's settings (SASL is PLAIN).

    Raises:
        RemoteRefused: a host is not loopback.
    """
    refuse_remote(url)
    parts = urlsplit(url)
    credentials, _, servers = parts.netloc.rpartition("@")
    secure = parts.scheme == "kafka+ssl"
    settings: dict[str, str | int | float | bool] = {"bootstrap.servers": servers}
    if credentials:
        user, _, password = credentials.partition(":")
        settings |= {"sasl.mechanism": "PLAIN", "sasl.username": unquote(user), "sasl.password": unquote(password)}
    if secure or credentials:
        settings["security.protocol"] = ("SASL_" if credentials else "") + ("SSL" if secure else "PLAINTEXT")
    return settings


def amqp_connection(url: str) -> pika.BlockingConnection:
    """Connect to ``amqp[s]://user:pass@host:port/vhost``; mqtui's own ``management`` option is left out.

    Raises:
        RemoteRefused: the host is not loopback.
        pika.exceptions.AMQPError: no connection.
    """
    import pika

    refuse_remote(url)
    parts = urlsplit(url)
    options = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name != "management"])
    parameters = pika.URLParameters(urlunsplit(parts._replace(query=options)))
    return pika.BlockingConnection(parameters)


def redis_client(url: str) -> redis.Redis:
    """Make a client of ``redis[s]://[user:pass@]host:port/db``; replies stay bytes, nothing is connected yet.

    Raises:
        RemoteRefused: the host is not loopback.
    """
    import redis

    refuse_remote(url)
    return redis.Redis.from_url(url, protocol=2)
