"""Home where no profile exists: the first steps, each a row that enter carries out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual import on
from textual.widget import Widget

from mqtui.brokers.registry import all_traits
from mqtui.brokers.traits import BrokerTraits
from mqtui.domain.errors import BadInput, MqtuiError
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.resolve import is_default_login
from mqtui.profiles.url import format_url, parse_url
from mqtui.ui.profile_draft import ProfileDraft
from mqtui.ui.render.home.profiles import from_home
from mqtui.ui.render.table_model import Cell, Column
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.startup import start_demo
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable

PORT_TIMEOUT = 0.5
"""Seconds that a port of this machine may take to answer."""


@dataclass(frozen=True, slots=True)
class WelcomeStep:
    """One way to begin."""

    key: str
    title: str
    words: str
    ready: bool = True


class WelcomeStepRenderer:
    """How the first steps are shown in a list."""

    columns = (Column("title", "START", 20), Column("words", "", 40, grows=True))

    def id(self, item: WelcomeStep) -> Hashable:
        return item.key

    def cells(self, item: WelcomeStep) -> Sequence[Cell]:
        return ((item.title, "" if item.ready else "muted"), (item.words, "muted"))

    def sign(self, item: WelcomeStep) -> Cell:
        return " ", ""

    def severity(self, item: WelcomeStep) -> int:
        return 0

    def text(self, item: WelcomeStep) -> str:
        return f"{item.title} {item.words}"

    def value(self, item: WelcomeStep, key: str) -> Any:
        return item.title


class WelcomeScreen(ListScreen[WelcomeStep]):
    """The first steps as rows."""

    screen_name = "Start"

    hint_actions = ("nav.open", "nav.goto", "thing.create")
    local_brokers: tuple[BrokerTraits, ...] = ()
    """Brokers that answer on this machine."""

    client_files: tuple[tuple[BrokerTraits, Path], ...] = ()
    """Files of other clients that may name a broker, and of which kind."""

    def body(self) -> Iterable[Widget]:
        self.table: RowTable[WelcomeStep] = RowTable(WelcomeStepRenderer(), with_divider=False)
        yield Pane(self.table, name="Start")

    def crumbs(self) -> tuple[str, ...]:
        return ("home",)

    def on_mount(self) -> None:
        """Try the default ports of this machine."""
        self.run_worker(self._look_around(), exclusive=True, group="ports", exit_on_error=False)

    async def _look_around(self) -> None:
        answers = await asyncio.gather(*(_answers(traits.url.default_port) for traits in all_traits()))
        self.local_brokers = tuple(traits for traits, there in zip(all_traits(), answers, strict=True) if there)
        self.client_files = await asyncio.to_thread(find_client_files)
        if self.is_attached:
            self.refresh_figures()

    def items(self) -> list[WelcomeStep]:
        local = " · ".join(f"{traits.url.default_port} {traits.kind}" for traits in self.local_brokers)
        return [
            WelcomeStep(
                "demo",
                "Try the demo",
                "it is running: enter shows it"
                if self.console.demo_brokers is not None
                else "a failing shop on real brokers; gone when you quit",
            ),
            WelcomeStep(
                "local",
                "Look at this machine",
                f"answers: {local}" if local else "no broker answers on localhost",
                bool(local),
            ),
            WelcomeStep("add", "Add a connection", "a form; passwords go to the keyring, never to a file"),
            WelcomeStep("url", "Paste a URL", "kafka://host:9092  amqp://host/vhost  redis://host"),
            *self._imports([name for name in url_variables() if os.environ.get(name)]),
        ]

    def _imports(self, given: Sequence[str]) -> list[WelcomeStep]:
        """What can be imported: variables of the environment, and the files of other clients."""
        found = [WelcomeStep("import", "Import", f"found {', '.join(given)} in the environment")] if given else []
        found += [
            WelcomeStep(str(path), "Import", f"found {from_home(path)}: its {traits.title} settings")
            for traits, path in self.client_files
        ]
        return found or [WelcomeStep("import", "Import", "nothing found in the environment or this folder", False)]

    def describe_row(self, item: WelcomeStep) -> str:
        return "Small letters look. CAPITALS change something, and always show a plan first."

    @handles("thing.create")
    async def create(self) -> None:
        """Open the form for a new profile."""
        await self.console.go.profile()

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        step: WelcomeStep = event.item
        if not step.ready:
            self.prompt_line.flash(step.words)
            return
        match step.key:
            case "demo":
                await start_demo(self.console)
            case "local":
                await self._offer("local", [traits.url.example for traits in self.local_brokers])
            case "add":
                await self.console.go.profile()
            case "import":
                given = [os.environ[name] for name in url_variables() if os.environ.get(name)]
                await self._offer("environment", given)
            case "url":
                self.run_worker(self._paste(), exclusive=True, group="line", exit_on_error=False)
            case path:
                await self._offer_file(path)

    async def _offer_file(self, name: str) -> None:
        """Show the form of a profile with what the file of another client says."""
        traits, path = next(each for each in self.client_files if str(each[1]) == name)
        try:
            found = await asyncio.to_thread(traits.client_files.read, path)
        except (MqtuiError, OSError) as error:
            self.show_error(error if isinstance(error, MqtuiError) else BadInput(f"{path} can't be read", str(error)))
            return
        await self._offer(path.stem, [found.url], found.left_out)

    async def _paste(self) -> None:
        entered = await self.prompt_line.ask("URL", beside="enter opens it, esc no")
        if entered and entered.strip():
            try:
                await self.console.open_target(entered.strip())
            except MqtuiError as error:
                self.show_error(error)

    async def _offer(self, name: str, urls: Sequence[str], left_out: tuple[str, ...] = ()) -> None:
        """Show the form of a profile with these URLs; saving it is up to the user."""
        passwords: dict[BrokerKind, str] = {}
        shown: list[str] = []
        try:
            for url in urls:
                address, had_password = parse_url(url)
                shown.append(format_url(address))
                if had_password and not is_default_login(address):
                    passwords[address.kind] = address.secret
        except MqtuiError as error:
            self.show_error(error)
            return
        await self.console.go.profile(draft=ProfileDraft(name, tuple(shown), passwords, left_out))


def find_client_files() -> tuple[tuple[BrokerTraits, Path], ...]:
    """The files of other clients on this machine, each with the broker it is of."""
    return tuple((traits, path) for traits in all_traits() for path in traits.client_files.find())


def url_variables() -> Sequence[str]:
    """The environment variables that may hold the URL of a broker."""
    return [f"MQTUI_{traits.kind.upper()}" for traits in all_traits()]


async def _answers(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PORT_TIMEOUT):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False
