"""Every mistake is told by its cause, in the same words on the three brokers; `tls.*` reach every client.

One test a broker: each has a server of its own with every sort of door, started once.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from mqtui.brokers.kafka.connection.admin_fallback import fetch_release
from mqtui.brokers.kafka.connection.broker_connections import BrokerConnections, BulkUnavailable
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.port import Address
from mqtui.brokers.registry import connect
from mqtui.cli.exit_codes import NO_CONNECTION, exit_code_of
from mqtui.demo.servers.ports import free_ports
from mqtui.domain.errors import BadInput, MqtuiError, TlsRefused
from mqtui.profiles.url import format_url, parse_url
from tests.brokers import Brokers
from tests.cli.command_line import Mqtui
from tests.connections import servers
from tests.connections.asking import trouble
from tests.connections.certificates import KEY_PASSWORD, SERVER_NAME, Certificates, made
from tests.connections.mistakes import LOGIN, MISTAKES, SECURE, Mistake, secure
from tests.connections.servers import HERE, Doors


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Certificates of the test's own, and mqtui's folders too."""
    for name in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"MQTUI_{name}_DIR", str(tmp_path / name.lower()))
    return made(tmp_path)


def test_kafka(brokers: Brokers, files: Certificates, redis_url: str, tmp_path: Path) -> None:
    with with_others(servers.kafka(brokers, files), redis_url) as doors:
        asyncio.run(every_mistake(doors))
        asyncio.run(every_tls_option(doors, login=LOGIN, guarded="sasls"))
        asyncio.run(kafka_python_sees_the_same(doors))
        bulk_connections_are_as_safe(doors)
        a_list_from_the_address_is_no_answer_of_brokers(doors, Mqtui(tmp_path, ""))
        asyncio.run(secret_slots_reach_librdkafka(doors))
        the_command_line_says_it(doors, tmp_path)


def test_rabbitmq(brokers: Brokers, files: Certificates, redis_url: str, tmp_path: Path) -> None:
    with with_others(servers.rabbitmq(brokers, files), redis_url) as doors:
        asyncio.run(every_mistake(doors))
        asyncio.run(every_tls_option(doors))
        asyncio.run(management_sees_the_same(doors))
        asyncio.run(rabbitmq_tells_what_is_missing(doors))
        the_command_line_says_it(doors, tmp_path)


def test_redis(brokers: Brokers, files: Certificates, kafka_url: str, tmp_path: Path) -> None:
    with with_others(servers.redis(brokers, files, tmp_path), kafka_url) as doors:
        asyncio.run(every_mistake(doors))
        asyncio.run(every_tls_option(doors, login=LOGIN))
        asyncio.run(every_scheme_of_redis(doors, tmp_path / "redis.sock"))
        asyncio.run(a_port_that_waits_for_more_is_recognised(doors))
        the_command_line_says_it(doors, tmp_path)


class with_others(AbstractContextManager[Doors]):
    """The doors, with a port nobody listens on and another broker's."""

    def __init__(self, opened: AbstractContextManager[Doors], other: str) -> None:
        self._opened = opened
        self._other = parse_url(other)[0].hosts[0][1]

    def __enter__(self) -> Doors:
        doors = self._opened.__enter__()
        doors.ports.update({"nobody": free_ports(1)[0], "other": self._other})
        return doors

    def __exit__(self, *how: object) -> None:
        self._opened.__exit__(None, None, None)


async def every_mistake(doors: Doors) -> None:
    """All at once: each waits for its own broker."""
    known = [mistake for mistake in MISTAKES if doors.kind in mistake.urls]
    told = await asyncio.gather(*(trouble(hasty(doors, mistake.urls[doors.kind](doors))) for mistake in known))
    wrong = [fault for mistake, error in zip(known, told, strict=True) if (fault := fault_of(mistake, error))]
    assert not wrong, "\n".join(wrong)


def fault_of(mistake: Mistake, error: MqtuiError | None) -> str:
    """What is wrong with the words of an error, if anything is."""
    if error is None:
        return f"{mistake.name}: no trouble"
    told = f"{error.title} | {error.detail} | {error.hint}"
    missing = [word for word in mistake.words if word.lower() not in told.lower()]
    shown = [secret for secret in ("wr0ng", servers.PASSWORD) if secret in told]
    right = isinstance(error, mistake.error) and exit_code_of(error) == NO_CONNECTION and error.hint and not missing
    return "" if right and not shown else f"{mistake.name}: {type(error).__name__} {told}; missing {missing} {shown}"


def hasty(doors: Doors, url: str) -> str:
    """With less patience, where the client has it as an option: a port that says nothing is waited for to the end."""
    return url if doors.kind == "kafka" else f"{url}{'&' if '?' in url else '?'}timeout-ms=1500"


async def every_tls_option(doors: Doors, *, login: str = "", guarded: str = "tls") -> None:
    """Each option does its work: the authority, this client's certificate and key, the name, and no proof at all."""
    files = doors.files
    own = f"tls.cert={files.client.certificate}&tls.key={files.client.key}"
    urls = {
        "authority": secure(doors, guarded, login=login),
        "authority and own certificate": secure(doors, "mutual", more=own),
        "another name": secure(doors, guarded, host="localhost", login=login, more=f"tls.server-name={SERVER_NAME}"),
        "no proof": secure(doors, guarded, trust="", login=login, more="tls.verify=no"),
        "no proof, another name": secure(doors, guarded, trust="", login=login, host="localhost", more="tls.verify=no"),
    }
    seen = dict(zip(urls, await asyncio.gather(*map(trouble, urls.values())), strict=True))
    assert seen == dict.fromkeys(urls)
    sealed = replace(parse_url(urls["authority and own certificate"])[0])
    sealed = replace(sealed, options={**sealed.options, "tls.key": str(files.sealed)})
    assert "tls.key-password" in str(await refusal(sealed))
    assert "wrong" in str(await refusal(replace(sealed, secrets={"tls.key-password": "wr0ng"})))
    os.environ["MQTUI_TEST_KEY"] = KEY_PASSWORD
    assert await trouble(f"{format_url(sealed)}&tls.key-password=env:MQTUI_TEST_KEY") is None
    del os.environ["MQTUI_TEST_KEY"]
    assert "MQTUI_TEST_KEY" in str(await trouble(f"{format_url(sealed)}&tls.key-password=env:MQTUI_TEST_KEY"))
    wrong_name = await trouble(secure(doors, guarded, host="localhost", login=login, more="tls.server-name=other.shop"))
    assert isinstance(wrong_name, TlsRefused) and "other.shop" in str(wrong_name)
    for option, path in (("tls.ca", files.sealed), ("tls.ca", "/no/such.pem"), ("tls.cert", files.authority.key)):
        told = await trouble(f"{SECURE[doors.kind]}://{HERE}:{doors.ports['tls']}?{option}={path}")
        assert isinstance(told, TlsRefused) and option in told.title and str(path) in told.detail, told
    strange = replace(parse_url(secure(doors, "mutual"))[0])
    paths = {"tls.cert": str(files.stranger.certificate), "tls.key": str(files.stranger.key)}
    assert "does not take the certificate" in str(await refusal(replace(strange, options={**strange.options, **paths})))
    without = f"{secure(doors, guarded).replace(SECURE[doors.kind], servers_plain(doors))}"
    dropped = await trouble(without)
    assert isinstance(dropped, BadInput) and f"{SECURE[doors.kind]}://" in dropped.hint


def servers_plain(doors: Doors) -> str:
    """The scheme without TLS."""
    return {"kafka": "kafka", "rabbitmq": "amqp", "redis": "redis"}[doors.kind]


async def asked(address: Address) -> None:
    """One question, answered."""
    adapter = connect(address)
    try:
        assert await adapter.broker.catalog.describe_cluster()
    finally:
        await adapter.close()


async def refusal(address: Address) -> MqtuiError:
    """Why that question is not answered."""
    with pytest.raises(TlsRefused) as refused:
        await asked(address)
    return refused.value


async def kafka_python_sees_the_same(doors: Doors) -> None:
    """kafka-python's admin client gets the release, which librdkafka can't ask for, over each sort of TLS."""
    own = f"tls.cert={doors.files.client.certificate}&tls.key={doors.files.client.key}"
    urls = (
        secure(doors, "sasls", login=LOGIN),
        secure(doors, "mutual", more=own),
        secure(doors, "tls", host="localhost", more=f"tls.server-name={SERVER_NAME}"),
        secure(doors, "tls", trust="", host="localhost", more="tls.verify=no"),
    )
    releases = await asyncio.gather(*(fetch_release(KafkaClients(parse_url(url)[0])) for url in urls))
    assert all(releases), releases


def bulk_connections_are_as_safe(doors: Doors) -> None:
    """The connections for bulk requests log in, and send nothing to a server that is not the one that was meant."""
    own = f"tls.cert={doors.files.client.certificate}&tls.key={doors.files.client.key}"
    wrong = LOGIN.replace(servers.PASSWORD, "wr0ng")
    scram = f"{HERE}:{doors.ports['scram']}?sasl.mechanism=SCRAM-SHA"
    for url in (
        secure(doors, "sasls", login=LOGIN),
        secure(doors, "mutual", more=own),
        secure(doors, "tls", host="localhost", more=f"tls.server-name={SERVER_NAME}"),
        f"kafka://{LOGIN}{HERE}:{doors.ports['sasl']}",
        f"kafka://{LOGIN}{scram}-256",
        f"kafka://{LOGIN}{scram}-512",
        f"kafka://{HERE}:{doors.ports['plain']}",
    ):
        find_coordinator(url)
    for url, words in (
        (secure(doors, "sasls", login=wrong), "SaslAuthenticate: error 58"),
        (secure(doors, "sasls", login=LOGIN, more="sasl.mechanism=SCRAM-SHA-256"), "SaslHandshake: error 33"),
        (f"kafka://{wrong}{scram}-256", "SaslAuthenticate: error 58"),
        (secure(doors, "tls", host="localhost"), "localhost"),
        (secure(doors, "tls", trust=""), "issuer"),
        (secure(doors, "tls", more="ssl.crl.location=/no/such.pem"), "librdkafka alone"),
        (f"kafka://{HERE}:{doors.ports['nobody']}", "refused"),
        (f"kafka://{HERE}:{doors.ports['other']}", r"\w"),
    ):
        with pytest.raises(BulkUnavailable, match=words) as told:
            find_coordinator(url)
        assert "wr0ng" not in str(told.value)


def find_coordinator(url: str) -> None:
    """FindCoordinator for one group, by a connection for bulk requests."""
    connections = BrokerConnections(parse_url(url)[0])
    with closing(connections):
        connections.request(None, 10, 4, b"\0\2\2g\0", lambda response: response.skip(4))


def a_list_from_the_address_is_no_answer_of_brokers(doors: Doors, mqtui: Mqtui) -> None:
    """Where brokers have addresses that lead nowhere, the address still lists the topics: that is no cluster that was
    there and went.
    """
    url = f"kafka://{HERE}:{doors.ports['astray']}"
    mqtui("ls", url).fails(NO_CONNECTION, "says that a broker is at", "advertised.listeners")
    admin = AdminClient({"bootstrap.servers": f"{HERE}:{doors.ports['plain']}"})
    admin.create_topics([NewTopic("listed", 1)])["listed"].result(20)
    for verb in ("ls", "dlq"):
        mqtui(verb, url).fails(NO_CONNECTION, "says that a broker is at", "advertised.listeners")


async def secret_slots_reach_librdkafka(doors: Doors) -> None:
    """A sealed key by librdkafka's own names, a PKCS#12 keystore, and a key in the option itself (C95)."""
    files = doors.files
    url = f"kafka+ssl://{HERE}:{doors.ports['mutual']}?tls.ca={files.authority.certificate}"
    own = {"ssl.certificate.location": str(files.client.certificate)}
    slots: list[tuple[dict[str, str], dict[str, str]]] = [
        (own | {"ssl.key.location": str(files.sealed)}, {"ssl.key.password": KEY_PASSWORD}),
        ({"ssl.keystore.location": str(files.keystore)}, {"ssl.keystore.password": KEY_PASSWORD}),
        (own, {"ssl.key.pem": files.client.key.read_text()}),
    ]
    address = parse_url(url)[0]
    for options, secrets in slots:
        await asked(replace(address, options={**address.options, **options}, secrets=secrets))


async def every_scheme_of_redis(doors: Doors, path: Path) -> None:
    """A socket, another name of the same server, and the database as other clients write it."""
    place = f"{LOGIN}{HERE}:{doors.ports['plain']}"
    assert await trouble(f"unix://{LOGIN}{path}?db=2") is None
    assert await trouble(f"valkey://{place}?db=2&socket_timeout=5") is None
    for url, words in (
        (f"unix://{LOGIN}{path}?db=99", "no database 99"),
        (f"unix://{path}", "wants a login"),
        (f"unix://{LOGIN}{path}.gone", f"{path}.gone"),
        (f"valkey://{place}?db=99", "no database 99"),
    ):
        told = await trouble(url)
        assert told is not None and exit_code_of(told) == NO_CONNECTION and words in str(told), told


async def management_sees_the_same(doors: Doors) -> None:
    """The management API over TLS takes the same options, and tells the same causes."""
    plain, api = doors.ports["plain"], doors.ports["management-tls"]
    url = f"amqp://guest:guest@{HERE}:{plain}/?management=https://"
    ca = f"tls.ca={doors.files.authority.certificate}"
    assert await trouble(f"{url}{HERE}:{api}&{ca}") is None
    assert await trouble(f"{url}localhost:{api}&{ca}&tls.server-name={SERVER_NAME}") is None
    assert await trouble(f"{url}localhost:{api}&tls.verify=no") is None
    for wrong, words in (
        (f"{url}{HERE}:{api}", ("issuer", "tls.ca")),
        (f"{url}localhost:{api}&{ca}", ("another name", SERVER_NAME)),
        (f"{url}{HERE}:{doors.ports['management']}&{ca}", ("does not speak TLS", "http://")),
        (f"{url.replace('https', 'http')}{HERE}:{api}", ("speaks TLS", "https://")),
        (f"{url.replace('https', 'http')}{HERE}:{plain}", ("speaks AMQP, not HTTP",)),
        (f"{url.replace('https', 'http')}{HERE}:{doors.ports['nobody']}", ("Nobody listens",)),
        (f"{url.replace('guest:guest', 'guest:wr0ng').replace('https', 'http')}{HERE}:{doors.ports['management']}", ()),
    ):
        told = await trouble(wrong)
        assert told is not None and exit_code_of(told) == NO_CONNECTION, wrong
        assert all(word in str(told) for word in words), told
        assert "wr0ng" not in str(told)


async def rabbitmq_tells_what_is_missing(doors: Doors) -> None:
    """A port that is the management API's, and the reverse; a vhost that is not there or is closed, by either way."""
    amqp, api = f"{HERE}:{doors.ports['plain']}", f"{HERE}:{doors.ports['management']}"
    for url, words in (
        (f"amqp://{api}", ("speaks HTTP, not AMQP\nGive the broker's own port", f"?management=http://{api}")),
        (f"amqp://{amqp}/?management=http://{amqp}", ("speaks AMQP, not HTTP\nThe option management",)),
        (f"amqp://{amqp}/vhost99?management=http://{api}", ("has no vhost vhost99", "The path of the URL")),
        (f"amqp://{amqp}/?management=http://{api}/wrong", ("the address of RabbitMQ's management API",)),
        (
            f"amqp://{LOGIN}{amqp}/?management=http://{api}",
            ("closed to the user alice", "set_user_tags alice management"),
        ),
        (f"amqp://{LOGIN}{amqp}/shut", ("The user alice may not use the vhost shut", "set_permissions -p shut alice")),
        (
            f"amqp://watcher:{servers.PASSWORD}@{amqp}/shut?management=http://{api}",
            ("The user watcher may not use the vhost shut",),
        ),
        (f"amqp://nobody:x@{amqp}", ("refused the user nobody or the password",)),
    ):
        told = await trouble(url)
        assert told is not None and all(word in str(told) for word in words), (url, told)


async def a_port_that_waits_for_more_is_recognised(doors: Doors) -> None:
    """Redis answers the greeting of TLS with nothing at all: its port is asked long before patience is over."""
    began = monotonic()
    told = await trouble(secure(doors, "plain"))
    assert isinstance(told, TlsRefused) and "speaks Redis without TLS" in told.detail
    assert monotonic() - began < 4.5


def the_command_line_says_it(doors: Doors, folder: Path) -> None:
    """What the command line prints is what the error says, and ends with 3."""
    mqtui = Mqtui(folder, "")
    mqtui("peek", secure(doors, host="localhost"), "x").fails(
        NO_CONNECTION, "another name", "tls.server-name=broker.shop"
    )
