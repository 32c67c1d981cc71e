"""Every view of the console over the worlds of strangers, at a terminal: it stays, and obeys none of them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from time import monotonic, sleep

import pytest

from tests.cli.command_line import Mqtui
from tests.strangers.conftest import WORLDS
from tests.strangers.odd import KEY, Strangers
from tests.terminal import Terminal

STILL = 0.1
"""Seconds without output after which a screen is taken to be painted."""

OBEYED = ("\x1b]2;PWNED", "\x1b]52;c;cHduZWQ", "\x1b[31mSTR", "\x9b31m", "\u202e", "\u2066", "\u2028")
"""What only a stranger writes: the console itself sets no title, no clipboard unasked, no direction."""


class Walk:
    """A console at a terminal, walked by keys."""

    def __init__(self, console: Terminal) -> None:
        self.console = console
        self.seen = ""

    def press(self, *keys: str) -> None:
        """Press keys one by one, each when the screen stands still."""
        for key in keys:
            self.console.press(key)
            if key == "\x1b":
                sleep(STILL)  # what comes at once after it is taken for one key with it
            self.stand()

    def stand(self) -> None:
        """Wait until nothing is painted any more, and note what is on the screen."""
        deadline = monotonic() + 5
        before = -1
        while (now := len(self.console.output)) != before and monotonic() < deadline:
            before = now
            sleep(STILL)
            assert self.console.process.poll() is None, self.console.written[-3000:]
        self.console.catch_up()
        self.seen += "\n".join(self.console.screen.display)

    def reads(self, tags: set[str]) -> None:
        """See the row of each tag, paging through the list; figures and rows come as the brokers answer."""
        self.seen = ""
        deadline = monotonic() + 90
        while lost := tags - set(re.findall(r"s\d\d", self.seen)):
            assert monotonic() < deadline, (lost, self.seen[-8000:])
            before = self.console.screen.display[2:-3]
            self.press("\x1b[6~")
            if self.console.screen.display[2:-3] == before:
                self.press("g")


@pytest.fixture(scope="module")
def worlds(kafka_url: str, rabbitmq_url: str, redis_url: str) -> Iterator[list[Strangers]]:
    """Strangers on all brokers at once."""
    urls = {"kafka": kafka_url, "rabbitmq": rabbitmq_url, "redis": redis_url}
    with ExitStack() as stack:
        yield [stack.enter_context(made(urls[kind])) for kind, made in WORLDS.items()]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("size", [(80, 24), (120, 34)], ids=["80x24", "120x34"])
def test_the_console_walks_among_strangers(mqtui: Mqtui, worlds: Sequence[Strangers], size: tuple[int, int]) -> None:
    config = mqtui.folder / "config"
    config.mkdir()
    brokers = "".join(f'[profile.{world.kind}]\nurl = "{world.url.replace("guest:guest@", "")}"\n' for world in worlds)
    (config / "profiles.toml").write_text(f'[[profile]]\nname = "all"\n{brokers}')
    environment = mqtui.environment() | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "MQTUI_KEY_STRANGERS": KEY}
    places = [place for world in worlds for place in world.places if place.tag.startswith("s")]
    dead = [place for place in places if place.dead]
    most = 5 if size[0] == 80 else 2  # what differs by width is the lists
    with Terminal([sys.executable, "-m", "mqtui", "all"], environment, size) as console:
        walk = Walk(console)
        console.wait(lambda screen: screen.display[0].count("●") == len(worlds), "all brokers are open")
        walk.stand()
        walk.reads({place.tag for place in places})
        walk.press("3")
        walk.reads({place.tag for place in dead})
        walk.press("2", "g", "j", "\r", "j", "\x1b", "-", "G", "\r", "j", "\t", "j", "y", "c", "\x1b")
        for tag in ("s42", "s73", "s82", "s03", "s51", "s70", "s81")[:most]:
            walk.press("1", f"/{tag}\r", "g", "y", "c", "m", "\x1b", "P", "\x1b", "\r", "\r", *"JJwiu", *["\x1b"] * 3)
        for number in range(0, 2 * most, 2):
            walk.press("3", "g", "j" * number, "\r", "e", "R", "\x1b", "D", "\x1b", "\r", "\r", "J", *["\x1b"] * 3)
        walk.press("5", "6", "0", "1", "?", "\x1b", "\x10", "\x1b", ":", "s0", "\t", "\x1b", "\x1b")
        console.press("\x11")
        assert console.ended() == 0
        written = console.written.decode()
    assert not [text for text in OBEYED if text in written]
    report = mqtui.folder / "state" / "last-crash.txt"
    assert not report.exists(), report.read_text()
