"""`mqtui demo`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mqtui.cli.exit_codes import DONE, INCOMPLETE
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import exit_on_error
from mqtui.domain.errors import BadInput

if TYPE_CHECKING:
    from mqtui.demo.servers.progress import Progress
    from mqtui.demo.session import DemoSession


@click.command()
@click.option("--only", default="kafka,rabbitmq,redis", show_default=True, metavar="KINDS", help="Comma-separated.")
@click.option("--headless", is_flag=True, help="Print the URLs as one JSON line when all are ready.")
@click.option(
    "--registry", is_flag=True, help="Apicurio as the schema registry (158 MB the first time), not a small stand-in."
)
def demo(*, only: str, headless: bool, registry: bool) -> None:
    """Real brokers with a failing shop in them, until ctrl+c. Nothing of them is left afterwards."""
    output = current_output(json=headless)
    with exit_on_error(output):
        kinds = _kinds(only)
        if not headless and sys.stdin.isatty() and sys.stdout.isatty():
            sys.exit(_console(kinds, real_registry=registry))
        with _until_signalled() as over:
            sys.exit(_demo(output, kinds, over, real_registry=registry))


def _kinds(only: str) -> list[str]:
    from mqtui.demo.servers.server_set import KINDS

    kinds = [part.strip() for part in only.split(",") if part.strip()]
    for kind in kinds:
        if kind not in KINDS:
            raise BadInput(f"No such broker: {kind}", "", f"There are {', '.join(KINDS)}.")
    if not kinds:
        raise BadInput("No broker named", "", f"There are {', '.join(KINDS)}.")
    return list(dict.fromkeys(kinds))


@contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that the process ends in order."""
    over = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: over.set()) for number in numbers]
    try:
        yield over
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _demo(output: Output, kinds: list[str], over: threading.Event, *, real_registry: bool) -> int:
    from mqtui.demo.session import DemoSession

    progress_line = ProgressLine(output)
    with DemoSession(kinds, progress=progress_line.update, real_registry=real_registry) as session:
        opener = threading.Thread(target=_open, args=(output, session, over), daemon=True)
        opener.start()
        while opener.is_alive() and not over.is_set():
            opener.join(0.1)
        output.progress_done()
        if over.is_set():
            return DONE
        urls = session.urls()
        if not urls:
            return INCOMPLETE
        if output.json:
            output.json_line(urls | _registry(session))
        else:
            _welcome(output, session)
        over.wait()
        if not output.json:
            output.note("ending the brokers …")
    return DONE


def _registry(session: DemoSession) -> dict[str, str]:
    """The URL of the schema registry, where there is one."""
    found = next((opened.registry for opened in session.opened.values() if opened.registry), "")
    return {"registry": found} if found else {}


def _console(kinds: list[str], *, real_registry: bool) -> int:
    """The demo in the console: each broker as soon as it is up; quitting leaves nothing of them."""
    from mqtui.cli.console import run_console
    from mqtui.cli.demo_thread import DemoThread

    with DemoThread(kinds, real_registry=real_registry) as demo_thread:
        return run_console(demo_brokers=demo_thread)


def _open(output: Output, session: DemoSession, over: threading.Event) -> None:
    for opened in session.openings():
        if over.is_set():
            return
        output.progress_done()
        if opened.trouble is not None:
            output.note(f"▲ {opened.kind}: {opened.trouble}")
            if opened.remedy:
                output.note(f"  {opened.remedy}")
        elif not output.json:
            output.note(f"✓ {opened.kind}: {sum(opened.letters.values())} dead letters waiting")


class ProgressLine:
    """Prints what each server is doing on one line; thread-safe."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._stages: dict[str, str] = {}

    def update(self, news: Progress) -> None:
        """Show one step of one server."""
        with self._lock:
            self._stages[news.server] = _stage(news)
            self._output.progress("  ".join(f"{server} {stage}" for server, stage in self._stages.items()))


def _stage(news: Progress) -> str:
    if news.stage == "downloading":
        return f"downloading {news.done / 1e6:.1f} MB at {news.rate / 1e6:.1f} MB/s"
    return news.stage


def _welcome(output: Output, session: DemoSession) -> None:
    trouble = session.trouble()
    output.line()
    for kind, url in (session.urls() | _registry(session)).items():
        output.line(f"{kind:<10} {url}")
    output.line()
    for sentence in trouble.sentences:
        output.line(f"† {sentence}")
    output.line()
    key = _bundle_key_hint()
    if key:
        output.line("This machine has no keyring. Redrives on RabbitMQ and Redis keep a bundle, which needs a key:")
        output.line(f"  export MQTUI_BUNDLE_KEY={key}")
        output.line()
    output.line("Try, in another terminal:")
    for command in trouble.commands:
        output.line(f"  {command}")
    output.line()
    output.line("ctrl+c ends all of it.")


def _bundle_key_hint() -> str:
    """A fresh key where no keyring would keep one."""
    from mqtui.profiles import keyring_store
    from mqtui.profiles.keys import BUNDLE_ENTRY, new_key

    if os.environ.get("MQTUI_BUNDLE_KEY"):
        return ""
    try:
        keyring_store.get(BUNDLE_ENTRY)
    except keyring_store.NoKeyring:
        return new_key()
    return ""
