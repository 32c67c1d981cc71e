"""Brokers with every sort of door: plain, TLS, TLS with a client's certificate, TLS that has expired, with a login."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from mqtui.demo.servers.ports import free_ports
from tests.brokers import Brokers
from tests.cli.port_forward import copy
from tests.connections.certificates import Certificates, Pair

HERE = "127.0.0.1"
USER, PASSWORD = "alice", "right-w0rd"
NOBODY = "nobody-here.invalid:9092"


@dataclass(frozen=True, slots=True)
class Doors:
    """Ports by what is behind them: plain, tls, mutual (wants a client's certificate), expired, sasl and so on."""

    kind: str
    ports: dict[str, int]
    files: Certificates = field(repr=False)


@contextmanager
def kafka(brokers: Brokers, files: Certificates) -> Iterator[Doors]:
    """Kafka: SSL with and without client certificates, an expired one, SASL over both, a listener that leads astray."""
    name = "kafka-doors"
    listeners = {
        "tls": "SSL",
        "mutual": "SSL",
        "expired": "SSL",
        "sasls": "SASL_SSL",
        "scram": "SASL_PLAINTEXT",
        "astray": f"PLAINTEXT@{NOBODY}",
        "closed": f"PLAINTEXT@{HERE}:{free_ports(1)[0]}",
    }
    logins = "org.apache.kafka.common.security"
    plain = f'{logins}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    config = [
        f"listener.name.sasls.plain.sasl.jaas.config={plain}",
        "listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512",
        *(
            f"listener.name.scram.{each}.sasl.jaas.config={logins}.scram.ScramLoginModule required;"
            for each in ("scram-sha-256", "scram-sha-512")
        ),
        "listener.name.mutual.ssl.client.auth=required",
    ]
    for listener, pair in (
        ("tls", files.server),
        ("mutual", files.server),
        ("expired", files.expired),
        ("sasls", files.server),
    ):
        config += [f"listener.name.{listener}.ssl.{line}" for line in _pem(pair, files)]
    brokers.servers.start_kafka(name, config=config, sasl_users={USER: PASSWORD}, listeners=listeners)
    try:
        ports = dict(brokers.servers.ports(name))
        add_scram_user(ports["kafka"])
        yield Doors("kafka", ports | {"plain": ports["kafka"]}, files)
    finally:
        brokers.servers.discard(name)


def add_scram_user(port: int) -> None:
    """Give the user a password for both mechanisms."""
    admin = AdminClient({"bootstrap.servers": f"{HERE}:{port}"})
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        wanted = UserScramCredentialUpsertion(USER, ScramCredentialInfo(mechanism, 4096), PASSWORD.encode())
        for told in admin.alter_user_scram_credentials([wanted]).values():
            told.result(20)


def _pem(pair: Pair, files: Certificates) -> list[str]:
    return [
        "keystore.type=PEM",
        f"keystore.location={pair.both}",
        "truststore.type=PEM",
        f"truststore.location={files.authority.certificate}",
    ]


@contextmanager
def rabbitmq(brokers: Brokers, files: Certificates) -> Iterator[Doors]:
    """RabbitMQ: AMQP over TLS that wants a client's certificate, management over TLS that wants none."""
    name = "rabbitmq-doors"
    mutual, api = free_ports(2)
    config = [
        f"listeners.ssl.1 = {HERE}:{mutual}",
        "ssl_options.verify = verify_peer",
        "ssl_options.fail_if_no_peer_cert = true",
        f"management.ssl.ip = {HERE}",
        f"management.ssl.port = {api}",
    ]
    for options in ("ssl_options", "management.ssl"):
        config += [
            f"{options}.cacertfile = {files.authority.certificate}",
            f"{options}.certfile = {files.server.certificate}",
            f"{options}.keyfile = {files.server.key}",
        ]
    brokers.servers.start_rabbitmq(name, config=config)
    try:
        ports = dict(brokers.servers.ports(name))
        with ExitStack() as stack:
            add_rabbitmq_users(ports["management"])
            tls = stack.enter_context(in_tls(ports["amqp"], files.server))
            expired = stack.enter_context(in_tls(ports["amqp"], files.expired))
            external = stack.enter_context(rewritten(ports["amqp"], b"PLAIN AMQPLAIN", b"EXTERNAL GSSAP"))
            yield Doors(
                "rabbitmq",
                ports
                | {"plain": ports["amqp"], "mutual": mutual, "tls": tls, "expired": expired}
                | {"external": external, "management-tls": api},
                files,
            )
    finally:
        brokers.servers.discard(name)


def add_rabbitmq_users(port: int) -> None:
    """A user with every permission and no tag: AMQP lets it in, the management API does not. One with the tag only."""
    with httpx2.Client(base_url=f"http://{HERE}:{port}/api", auth=("guest", "guest"), trust_env=False) as api:
        api.put(f"/users/{USER}", json={"password": PASSWORD, "tags": ""}).raise_for_status()
        every = {"configure": ".*", "write": ".*", "read": ".*"}
        api.put(f"/permissions/%2F/{USER}", json=every).raise_for_status()
        api.put("/vhosts/shut").raise_for_status()
        api.put("/users/watcher", json={"password": PASSWORD, "tags": "management"}).raise_for_status()
        api.put("/users/stranger", json={"password": PASSWORD, "tags": ""}).raise_for_status()


@contextmanager
def redis(brokers: Brokers, files: Certificates, folder: Path) -> Iterator[Doors]:
    """Redis: with ACL users on a plain port, a TLS port and a socket; one that wants a client's certificate."""
    first, second = free_ports(2)
    lines = [
        f"tls-cert-file {files.server.certificate}",
        f"tls-key-file {files.server.key}",
        f"tls-ca-cert-file {files.authority.certificate}",
    ]
    acl = [f"user {USER} on >{PASSWORD} ~* &* +@all", "user default off"]
    names = ("redis-doors", "redis-mutual", "redis-astray")
    try:
        brokers.servers.start_redis(
            names[0],
            config=[f"tls-port {first}", "tls-auth-clients no", *lines, *acl, f"unixsocket {folder / 'redis.sock'}"],
        )
        brokers.servers.start_redis(names[1], config=[f"tls-port {second}", "tls-auth-clients yes", *lines])
        (closed,) = free_ports(1)
        lines = ["cluster-enabled yes", "cluster-announce-ip 127.0.0.1", f"cluster-announce-port {closed}"]
        brokers.servers.start_redis(names[2], config=lines)
        plain = brokers.servers.ports(names[0])["redis"]
        open_plain = brokers.servers.ports(names[1])["redis"]
        with in_tls(open_plain, files.expired) as expired:
            ports = {"plain": plain, "tls": first, "mutual": second, "expired": expired, "open": open_plain}
            ports["astray"] = brokers.servers.ports(names[2])["redis"]
            yield Doors("redis", ports, files)
    finally:
        for name in names:
            with suppress(KeyError):
                brokers.servers.discard(name)


@contextmanager
def in_tls(port: int, pair: Pair) -> Iterator[int]:
    """A port that speaks TLS and leads to one that does not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with socket.create_server((HERE, 0)) as server:

        def serve(near: socket.socket) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(near, server_side=True) as secured,
                socket.create_connection((HERE, port)) as far,
            ):
                _carry(secured, far)

        threading.Thread(target=_accept, args=(server, serve), daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def rewritten(port: int, old: bytes, new: bytes) -> Iterator[int]:
    """A port that leads to another and changes what the server says; both texts are equally long."""
    with socket.create_server((HERE, 0)) as server:

        def serve(near: socket.socket) -> None:
            with suppress(OSError), near, socket.create_connection((HERE, port)) as far:
                threading.Thread(target=copy, args=(near, far), daemon=True).start()
                while data := far.recv(65_536):
                    near.sendall(data.replace(old, new))

        threading.Thread(target=_accept, args=(server, serve), daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, serve: object) -> None:
    with suppress(OSError):
        while True:
            near, _ = server.accept()
            threading.Thread(target=serve, args=(near,), daemon=True).start()  # type: ignore[arg-type]


def _carry(secured: ssl.SSLSocket, far: socket.socket) -> None:
    """One side of a TLS conversation is read by each thread: Python's TLS sockets take one reader and one writer."""
    threading.Thread(target=copy, args=(far, secured), daemon=True).start()
    while data := secured.recv(65_536):
        far.sendall(data)


def all_doors(stack: ExitStack, brokers: Brokers, files: Certificates, folder: Path) -> dict[str, Doors]:
    """The three, each with a port nobody listens on and one of another broker."""
    opened = {
        "kafka": stack.enter_context(kafka(brokers, files)),
        "rabbitmq": stack.enter_context(rabbitmq(brokers, files)),
        "redis": stack.enter_context(redis(brokers, files, folder)),
    }
    another = {"kafka": "rabbitmq", "rabbitmq": "redis", "redis": "kafka"}
    return {
        kind: Doors(
            kind,
            doors.ports | {"nobody": free_ports(1)[0], "other": opened[another[kind]].ports["plain"]},
            files,
        )
        for kind, doors in opened.items()
    }
