"""TLS, logins, Sentinel: connecting to a Redis, and the errors where that fails."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mqtui.brokers.redis.adapter import connect
from mqtui.demo.servers.ports import free_ports
from mqtui.demo.servers.redis import find_server
from mqtui.domain.capability import Verb
from mqtui.domain.errors import CannotConnect, MqtuiError, NotAuthenticated, TimedOut, TlsRefused, Unreachable
from mqtui.domain.figure import exact
from mqtui.domain.plan import Send
from mqtui.domain.redrive import PublishStatus
from tests.brokers import Brokers
from tests.contract.asking import a_plan, eventually, publish, read, writing
from tests.contract.redis_server import RedisServer, own_server
from tests.contract.test_redis_lost_replies import entry

SERVICE = "shop-main"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mqtui test")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("cache.shop")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


async def test_tls(brokers: Brokers, tmp_path: Path) -> None:
    """A certificate of a known authority is accepted, another one refused, and a plain port named as such."""
    cert, key = certificate(tmp_path)
    (port,) = free_ports(1)
    lines = (
        f"tls-port {port}",
        f"tls-cert-file {cert}",
        f"tls-key-file {key}",
        "tls-auth-clients no",
    )
    with own_server(brokers, *lines) as (_, server):
        ref = server.stream("work", 2)
        secured = replace(server.address, hosts=(("127.0.0.1", port),), tls=True)
        adapter = connect(replace(secured, options={"tls.ca": str(cert)}))
        assert len(await read(adapter, ref)) == 2
        await adapter.close()
        named = connect(replace(secured, options={"tls.ca": str(cert), "tls.server-name": "cache.shop"}))
        assert len(await read(named, ref)) == 2
        await named.close()
        careless = connect(replace(secured, options={"tls.verify": "no"}))
        assert len(await read(careless, ref)) == 2
        await careless.close()
        plain_port = replace(secured, hosts=server.address.hosts)
        for address, error in (
            (secured, TlsRefused),
            (plain_port, TlsRefused),
            (replace(secured, tls=False), TlsRefused),
        ):
            await assert_refused(address, ref, error)


async def assert_refused(address: Any, ref: Any, error: type[MqtuiError]) -> None:
    adapter = connect(replace(address, options={"timeout-ms": "1500"}))
    with pytest.raises(error) as told:
        await read(adapter, ref)
    await adapter.close()
    assert told.value.title and told.value.hint


async def test_logins(brokers: Brokers) -> None:
    """An ACL user logs in; a wrong or missing secret has its own error; a missing right names its command."""
    with own_server(brokers, "requirepass secret", "user alice on >wonder ~* +@read +type +scan") as (_, server):
        ref = server.stream("work", 1)
        alice = connect(replace(server.address, user="alice", secret="wonder"))
        assert len(await read(alice, ref)) == 1
        with pytest.raises(MqtuiError, match="XADD") as told:
            await publish(alice, [entry(ref, 1)])
        await alice.close()
        assert "+xadd" in told.value.hint
        for address in (replace(server.address, user="alice", secret="bad"), replace(server.address, secret="")):
            adapter = connect(address)
            with pytest.raises(NotAuthenticated):
                await read(adapter, ref)
            await adapter.close()


async def test_a_frozen_server_times_out(brokers: Brokers) -> None:
    """A read that times out says so; what was published then is unknown, never guessed."""
    with own_server(brokers) as (name, server):
        ref = server.stream("work", 1)
        haste = {"reply-ms": "300", "reconnect-ms": "300", "timeout-ms": "300"}
        looking, adapter = server.adapter(options=haste), server.adapter(options=haste)
        assert len(await read(looking, ref)) == 1
        publishing = a_plan(adapter, Verb.PUBLISH, Send(ref, exact(2)))
        async with writing(adapter, publishing) as writer, writer.publisher() as publisher:
            assert [one.state for one in await publisher.send([entry(ref, 1)])] == [PublishStatus.STORED]
            brokers.servers.pause(name)
            states = set[PublishStatus]()
            while PublishStatus.UNKNOWN not in states:
                states = {one.state for one in await publisher.send([entry(ref, 2)])}
        with pytest.raises(TimedOut):
            await read(looking, ref)
        await adapter.close()
        await looking.close()
        brokers.servers.resume(name)


@pytest.fixture
def sentinel(brokers: Brokers, tmp_path: Path) -> Iterator[tuple[RedisServer, RedisServer, int]]:
    """A primary, its replica, and a sentinel that watches them."""
    with own_server(brokers, "repl-diskless-sync-delay 0") as (_, primary):
        port = primary.address.hosts[0][1]
        with own_server(brokers, f"replicaof 127.0.0.1 {port}") as (_, replica):
            (own,) = free_ports(1)
            file = tmp_path / "sentinel.conf"
            file.write_text(
                f"port {own}\nbind 127.0.0.1\nsentinel monitor {SERVICE} 127.0.0.1 {port} 1\n"
                f"sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 5000\n"
            )
            with (tmp_path / "log").open("wb") as log:
                process = subprocess.Popen(
                    [str(find_server()), str(file), "--sentinel"], stdout=log, stderr=log, cwd=tmp_path
                )
            try:
                yield primary, replica, own
            finally:
                process.kill()
                process.wait()


async def test_sentinel_names_the_primary_also_after_a_failover(sentinel: tuple[RedisServer, RedisServer, int]) -> None:
    """The address names sentinels; reads and writes go to whoever is the primary now."""
    primary, replica, own = sentinel
    ref = primary.stream("work", 1)
    address = replace(primary.address, hosts=(("127.0.0.1", 1), ("127.0.0.1", own)), variant="sentinel")
    adapter = connect(replace(address, options={"service": SERVICE}))
    watching = redis.Redis(port=own)
    command: Callable[..., Any] = watching.execute_command

    async def ready() -> bool:
        try:
            told: Any = watching.sentinel_slaves(SERVICE)
        except redis.ConnectionError:
            return False
        return len(told) == 1 and not told[0]["is_disconnected"] and replica.numbers(ref) == [0]

    await eventually(ready, "the sentinel knows the replica")
    assert len(await read(adapter, ref)) == 1

    async def promoted() -> bool:
        """A server that changes its role drops its clients."""
        with suppress(redis.ConnectionError):
            told: Any = replica.client.info("replication")
            if told["role"] == "master":
                return True
        with suppress(redis.ResponseError):
            command("SENTINEL", "FAILOVER", SERVICE)
        return False

    await eventually(promoted, "the replica is the primary")

    async def named() -> bool:
        at: Any = watching.sentinel_get_master_addr_by_name(SERVICE)
        return bool(at[1] == replica.address.hosts[0][1])

    await eventually(named, "the sentinel names it")

    async def stored() -> bool:
        try:
            receipts = await publish(adapter, [entry(ref, 1)])
        except MqtuiError:
            return False
        return receipts[0].state is PublishStatus.STORED

    await eventually(stored, "the new primary takes writes")
    assert replica.numbers(ref) == [0, 1]
    watching.close()
    await adapter.close()
    plain = connect(replace(address, variant="", hosts=(("127.0.0.1", own),)))
    with pytest.raises(CannotConnect, match="is a Sentinel") as refused:
        await read(plain, ref)
    assert refused.value.hint == f"Write redis+sentinel://127.0.0.1:{own}/{SERVICE}."
    await plain.close()
    unknown = connect(replace(address, options={"service": "none"}))
    with pytest.raises(Unreachable, match="none"):
        await read(unknown, ref)
    await unknown.close()
