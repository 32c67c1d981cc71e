"""Events reach every receiver at least once: one that hangs, refuses or is away holds up nobody."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from mqtui.domain.alert import Alert, AlertEvent, AlertSeverity, EventState
from mqtui.profiles.receiver_settings import ReceiverSettings
from mqtui.services.alerts import deliveries, receivers
from mqtui.services.alerts.deliveries import Deliveries
from mqtui.services.alerts.receivers import Receiver, make_receiver
from mqtui.state.alert_store import AlertStore

ALERT = Alert("0", "shop", "letters:a", None, 1.0, "what", "evidence", AlertSeverity.WARNING, told=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def events(*ids: str) -> list[AlertEvent]:
    return [AlertEvent(replace(ALERT, id=each), EventState.RAISED, 2.0) for each in ids]


class Webhook:
    """A server for posts. `answer` is what it writes; None: nothing, the connection stays open."""

    def __init__(self) -> None:
        self.answer: bytes | None = OK
        self.taken: list[str] = []
        self.asked = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-l")
            )
            body = json.loads(await reader.readexactly(length))
            self.asked += 1
            if self.answer is None:
                await reader.read()
            else:
                writer.write(self.answer)
                await writer.drain()
                self.taken += [body["id"]] if self.answer == OK else []
        writer.close()


@asynccontextmanager
async def webhook() -> AsyncIterator[Webhook]:
    made = Webhook()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def giving(*told: Receiver) -> AsyncIterator[tuple[Deliveries, list[str]]]:
    """Deliveries of a process that watches, and its notes."""
    notes: list[str] = []
    store = await asyncio.to_thread(AlertStore)
    made = Deliveries(store, told, notes.append)
    made.start()
    try:
        yield made, notes
    finally:
        await made.stop()
        await asyncio.to_thread(store.close)


async def until(done: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not done():  # noqa: ASYNC110 - what is waited for is on a disk, or in another process
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "SECONDS", 1.0)
    monkeypatch.setattr(deliveries, "RETRY_SECONDS", (0.05,))


async def test_a_webhook_that_hangs_holds_up_no_other_and_gets_all_in_order_later() -> None:
    async with webhook() as hangs, webhook() as there:
        hangs.answer = None
        told = [make_receiver(ReceiverSettings(webhook=each.url)) for each in (hangs, there)]
        async with giving(*told) as (made, notes):
            await made.record("shop", [ALERT], events("1", "2", "3"))
            await until(lambda: there.taken == ["1", "2", "3"])
            await until(lambda: hangs.asked > 1)
            hangs.answer = OK
            await until(lambda: hangs.taken == ["1", "2", "3"])
        assert there.taken == ["1", "2", "3"]
        assert len(notes) == 1 and "no answer within" in notes[0] and hangs.url not in notes[0]


async def test_what_was_not_taken_waits_for_the_next_process() -> None:
    async with webhook() as away:
        away.answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        settings = ReceiverSettings(webhook=away.url)
        async with giving(make_receiver(settings)) as (made, _):
            await made.record("shop", [ALERT], events("1", "2"))
            await until(lambda: away.asked > 1)
        away.answer = OK
        store = await asyncio.to_thread(AlertStore)
        await Deliveries(store, [make_receiver(settings)], print).give_once()
        await asyncio.to_thread(store.close)
        assert away.taken == ["1", "2"]


async def test_an_event_that_is_refused_does_not_block_the_next() -> None:
    async with webhook() as strict:
        strict.answer = b"HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        async with giving(make_receiver(ReceiverSettings(webhook=strict.url))) as (made, notes):
            await made.record("shop", [ALERT], events("1"))
            await until(lambda: len(notes) == 1)
            strict.answer = OK
            await made.record("shop", [ALERT], events("2"))
            await until(lambda: strict.taken == ["2"])
        assert notes == [
            f"✗ {ReceiverSettings(webhook=strict.url).name} refuses an event, which is dropped: it answered 400"
        ]


async def test_a_command_gets_the_row_and_one_that_hangs_is_ended(tmp_path: Path) -> None:
    taken, started = tmp_path / "taken", tmp_path / "started"
    script = "import os, sys; open(sys.argv[1], 'a').write(sys.stdin.read() + os.environ['MQTUI_ALERT_STATE'] + '\\n')"
    hang = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(600)"
    words = [(sys.executable, "-c", script, str(taken)), (sys.executable, "-c", hang, str(started)), ("/nonexistent",)]
    told = [make_receiver(ReceiverSettings(command=shlex.join(each))) for each in words]
    async with giving(*told) as (made, notes):
        await made.record("shop", [ALERT], events("1"))
        await until(lambda: taken.exists() and taken.read_text().endswith("raised\n"))
        await until(lambda: any("not done within" in note for note in notes))
    assert json.loads(taken.read_text().splitlines()[0])["id"] == "1"
    assert any("No such file" in note for note in notes)
    for pid in started.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


async def test_the_url_of_a_webhook_is_where_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    async with webhook() as there:
        receiver = make_receiver(ReceiverSettings(webhook="env:HOOK"))
        async with giving(receiver) as (made, notes):
            await made.record("shop", [ALERT], events("1"))
            await until(lambda: bool(notes))
            monkeypatch.setenv("HOOK", there.url)
            await until(lambda: there.taken == ["1"])


async def test_a_disk_that_is_full_for_a_while_ends_no_delivery() -> None:
    """What can't be kept is told as soon as there is room again; what was kept before goes on being delivered."""
    many = [AlertEvent(replace(ALERT, id=each, evidence="e" * 100_000), EventState.RAISED, 2.0) for each in "23"]
    waits: list[bool] = []
    async with webhook() as there:
        there.answer = None
        async with giving(make_receiver(ReceiverSettings(webhook=there.url))) as (made, notes):
            await made.record("shop", [ALERT], events("1"))
            with full_disk(made.store):
                for event in many:
                    await made.record("shop", [ALERT], [event])
                waits.append(made.has_unkept)
                there.answer = OK
                await until(lambda: "1" in there.taken)
            await made.record("shop", [ALERT], [])
            await until(lambda: {"1", "2", "3"} <= {*there.taken})
            waits.append(made.has_unkept)
        assert waits == [True, False]
        assert [note for note in notes if "kept" in note] == [
            "▲ events can't be kept for receivers now: database or disk is full"
        ]


@contextmanager
def full_disk(store: AlertStore) -> Iterator[None]:
    """SQLite writes no page more, as on a full disk."""
    with store._database.reading() as connection:
        limit = connection.execute("PRAGMA max_page_count").fetchone()[0]
        connection.execute("PRAGMA max_page_count = 1")
    try:
        yield
    finally:
        with store._database.reading() as connection:
            connection.execute(f"PRAGMA max_page_count = {limit}")
