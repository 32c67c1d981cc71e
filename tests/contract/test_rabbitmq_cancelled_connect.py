"""A connection that opens while its caller is being cancelled is closed."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any

import pytest

from mqtui.brokers.rabbitmq.config import connection_parameters, from_address
from mqtui.brokers.rabbitmq.connection import channel
from mqtui.brokers.rabbitmq.errors import Endpoint
from tests.contract.asking import eventually
from tests.contract.worlds import address_of


def sockets() -> set[int]:
    """The open TCP sockets of this process, by their descriptor."""
    known = [each for each in gc.get_objects() if isinstance(each, socket.socket)]
    return {each.fileno() for each in known if each.proto == socket.IPPROTO_TCP} - {-1}


async def ended(task: asyncio.Task[channel.Connection]) -> None:
    """Wait for a connection that was cancelled, or came before."""
    (came,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(came, channel.Connection):
        await came.close()


IT = Endpoint("it", "/", "guest")


async def test_a_connection_that_opens_during_cancellation_is_closed(
    rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = connection_parameters(from_address(address_of(rabbitmq_url)))
    await ended(asyncio.ensure_future(channel.open_connection(known, IT)))
    before = sockets()

    async def all_closed() -> bool:
        return sockets() <= before

    leaving: list[asyncio.Task[channel.Connection]] = []
    create = channel.RawConnection.create_connection

    def open_and_leave(places: Any, came: Any, **more: Any) -> Any:
        def came_too_late(result: Any) -> None:
            came(result)
            leaving[0].cancel()

        return create(places, came_too_late, **more)

    monkeypatch.setattr(channel.RawConnection, "create_connection", open_and_leave)
    leaving.append(asyncio.ensure_future(channel.open_connection(known, IT)))
    await ended(leaving[0])
    await eventually(all_closed, "what came too late is closed")
