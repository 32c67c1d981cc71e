"""Those who are told of alerts: a webhook, a command, the desktop."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import orjson

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.errors import MqtuiError, NotAuthenticated
from mqtui.profiles.receiver_settings import ReceiverSettings, WebhookForm
from mqtui.profiles.secrets import read_source
from mqtui.services.alerts.event_rows import webhook_body
from mqtui.services.jsonlines import Json

SECONDS = 10.0
"""Seconds that a receiver has to take an event."""

NEVER_TAKEN = frozenset({400, 405, 406, 413, 414, 415, 422})
"""Answers of a webhook that the same event will meet again."""


class EventNotTaken(Exception):
    """A receiver did not take an event. `final`: it never will."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class Receiver(Protocol):
    """Somebody who is told of events."""

    name: str

    async def take(self, row: Json) -> None:
        """Take the JSON row of an event.

        Raises:
            EventNotTaken: it was not taken in time, or was refused.
        """

    async def close(self) -> None:
        """Release what it holds."""


class WebhookReceiver:
    """Posts each event to a URL."""

    def __init__(self, settings: ReceiverSettings) -> None:
        self.name = settings.name
        self._source = settings.webhook
        self._form: WebhookForm = settings.form
        self._url = ""

    async def take(self, row: Json) -> None:
        """Post it; an answer of 2xx says that it was taken."""
        import httpx2

        try:
            async with asyncio.timeout(SECONDS):
                if not self._url:
                    self._url = await run_in_thread("webhook", lambda: find_url(self._source))
                async with httpx2.AsyncClient(timeout=SECONDS) as client:
                    body = orjson.dumps(webhook_body(self._form, row))
                    headers = {"Content-Type": "application/json", "Idempotency-Key": f"{row['id']}-{row['state']}"}
                    async with client.stream("POST", self._url, content=body, headers=headers) as response:
                        status = response.status_code
        except TimeoutError:
            raise EventNotTaken(f"no answer within {SECONDS:.0f} s") from None
        except MqtuiError as error:
            raise EventNotTaken(error.title) from None
        except httpx2.InvalidURL:
            raise EventNotTaken("that is no URL", final=True) from None
        except httpx2.HTTPError as error:
            raise EventNotTaken(type(error).__name__) from None
        if not 200 <= status < 300:
            raise EventNotTaken(f"it answered {status}", final=status in NEVER_TAKEN)

    async def close(self) -> None:
        """Nothing stays open."""


class CommandReceiver:
    """Runs a program for each event, without a shell: the JSON row is on stdin, its main fields are variables."""

    def __init__(self, name: str, argv: Sequence[str]) -> None:
        self.name = name
        self._argv = tuple(argv)

    def arguments(self, row: Json) -> tuple[str, ...]:
        """The words of the call for an event."""
        return self._argv

    async def take(self, row: Json) -> None:
        """Run it; exit code 0 says that it was taken. What runs too long is ended with all it started."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.arguments(row),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=os.environ | _variables(row),
                start_new_session=True,
            )
        except OSError as error:
            raise EventNotTaken(error.strerror or str(error)) from None
        try:
            async with asyncio.timeout(SECONDS):
                await process.communicate(orjson.dumps(row) + b"\n")
        except TimeoutError:
            raise EventNotTaken(f"not done within {SECONDS:.0f} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            raise EventNotTaken(f"it ended with {process.returncode}")

    async def close(self) -> None:
        """Nothing stays open."""


class DesktopReceiver(CommandReceiver):
    """Shows each event on this desktop, by notify-send or osascript."""

    def __init__(self) -> None:
        super().__init__("desktop", ())

    def arguments(self, row: Json) -> tuple[str, ...]:
        """The words of the desktop's own program; the text is an argument of its own, never part of a script."""
        title, text = f"mqtui {row['target']}", f"{row['what']}: {row['evidence']}"
        if shutil.which("notify-send"):
            urgency = "critical" if row["severity"] == "critical" and row["state"] == "raised" else "normal"
            return ("notify-send", "--app-name=mqtui", f"--urgency={urgency}", "--", title, text)
        script = "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run"
        return ("osascript", "-e", script, title, text)


def make_receiver(settings: ReceiverSettings) -> Receiver:
    """The receiver that the settings name."""
    if settings.webhook:
        return WebhookReceiver(settings)
    if settings.command:
        return CommandReceiver(settings.name, shlex.split(settings.command))
    return DesktopReceiver()


def find_url(source: str) -> str:
    """The URL of a webhook, from where the settings say it is.

    Raises:
        NotAuthenticated: it is not there.
    """
    if source.startswith(("http://", "https://")):
        return source
    found = read_source(source, "alerts", None, ())
    if not found:
        raise NotAuthenticated("The webhook's URL is not where the settings say")
    return found


def _variables(row: Json) -> Mapping[str, str]:
    return {f"MQTUI_ALERT_{name.upper()}": str(row[name] or "") for name in ("id", "state", "severity", "what")}
