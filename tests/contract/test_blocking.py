"""Blocking calls in threads: what fails when nobody waits any more is said to nobody."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from concurrent.futures import Future
from typing import Any

import pytest

from mqtui.brokers import protocol_probe
from mqtui.brokers.blocking import complete, new_future
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.catalog import KafkaCatalog
from mqtui.brokers.kafka.read.groups import KafkaGroups
from mqtui.brokers.kafka.read.topic_metadata import describe_topic
from mqtui.domain.errors import NotFound, TlsRefused
from mqtui.domain.resource import Kind, Ref
from mqtui.profiles.url import parse_url


async def test_an_error_after_the_asker_has_left_reaches_nobody() -> None:
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()  # what tests before this one left behind is not asked about
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    promise: Future[None] = new_future()
    connection = KafkaClients(parse_url("kafka://127.0.0.1:1")[0])
    asking = asyncio.create_task(connection.await_answer(promise, "reading the state"))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()

    def fails() -> None:
        raise NotFound("There is no topic mqtui.state")

    await asyncio.to_thread(complete, promise, fails)
    del promise, asking
    for _ in range(3):
        await asyncio.sleep(0)
        gc.collect()
    assert not heard


async def test_the_servers_name_is_asked_for_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tls.server-name the first client waits for a handshake with each host: the loop goes on meanwhile."""
    threads: list[threading.Thread] = []

    def refused(*_: object) -> TlsRefused:
        threads.append(threading.current_thread())
        return TlsRefused("another name")

    monkeypatch.setattr(protocol_probe, "explain_certificate_failure", refused)
    address = parse_url("kafka+ssl://127.0.0.1:1?tls.server-name=broker.shop")[0]
    for ask in (
        lambda connection: KafkaCatalog(connection).describe_cluster(),
        lambda connection: anext(aiter(KafkaCatalog(connection).list_destinations())),
        lambda connection: KafkaGroups(connection).list_groups(),
        lambda connection: anext(aiter(KafkaGroups(connection).lag([Ref(Kind.GROUP, "g")]))),
        lambda connection: describe_topic(connection, "t"),
    ):
        with pytest.raises(TlsRefused):
            await ask(KafkaClients(address))
    assert len(threads) == 5
    assert threading.main_thread() not in threads
