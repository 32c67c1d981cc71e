"""Names made up at random, through every list of both faces: what reaches a terminal is one row each, and no command.

`MQTUI_EXAMPLES=10000 pytest tests/strangers/test_generated_names.py` tries ten thousand names instead of a few hundred.
"""

from __future__ import annotations

import os
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from time import monotonic, sleep
from typing import Any

import pika
import pytest
from redis import Redis
from rich.cells import cell_len

from mqtui.domain.printable import printable
from mqtui.domain.resource import name_text
from tests.brokers import Brokers
from tests.cli.command_line import Mqtui
from tests.contract.worlds import address_of
from tests.terminal import Terminal

EXAMPLES = int(os.environ.get("MQTUI_EXAMPLES", "300"))
BATCH = 500
SEED = 20261130
PIECES = (
    "\x1b]2;PWNED\x07", "\x1b]52;c;cHduZWQ=\x07", "\x1b[31m", "\x1b[2J", "\x1bP+q\x1b\\", "\x9b31m", "\x9d2;x\x9c",
    "\n", "\r", "\t", "\0", "\x08", "\x0b", "\x7f", "\x85", "\u202e", "\u2066", "\u2028", "\u2029", "\u200b", "\ufeff",
    "\U000e0041", "受注", "👍", "👨‍👩‍👧", "e\u0301", "\u0301", "ﷺ", "[/]", "[red]", "[@click=app.quit]",
    "{orders}", "*?", "/", ":", "@", "#", " ",
    "orders", "dlq", "-n", "--", "'", '"', "$HOME", "`id`", "\\", "|", ";",
)  # fmt: skip
TURNS, QUIET = 1.5, 0.1
"""Seconds within which a page turns, and without output after which it is painted whole: it is written in pieces."""

LOOSE = re.compile(
    rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf"
)
"""Bytes that no line for a reader holds: control characters and marks of direction, in UTF-8."""

OURS = re.compile(
    rb"\x1b\[[0-9;?<>=]*[A-Za-z~]|\x1b[()][A-Z0-9]|\x1b[=>78]|\x1b\[[0-9;]* q|\x1b\[\?[0-9;$]+[a-z]|[\r\x08\x0f]"
    rb"|\x1b\]22;[a-z-]*\x07"
)
"""What a terminal is told by the console itself: how to move, to colour, to draw the pointer; no title, no string."""


def name(dice: random.Random) -> bytes:
    """A name out of odd pieces, any characters and any bytes."""
    made = b""
    for _ in range(dice.randint(1, 6)):
        kind = dice.random()
        if kind < 0.6:
            made += dice.choice(PIECES).encode()
        elif kind < 0.8:
            made += chr(dice.choice((dice.randrange(0xD800), dice.randrange(0xE000, 0x110000)))).encode()
        else:
            made += bytes(dice.randrange(256) for _ in range(dice.randint(1, 3)))
    return made


def names(count: int, seed: int, keep: Callable[[bytes], bool] = bool) -> list[bytes]:
    """So many different ones, each with a number before it: two that look alike are still two rows."""
    dice = random.Random(seed)
    found: dict[bytes, None] = {}
    while len(found) < count:
        made = b"n%04d" % len(found) + name(dice)
        if keep(made):
            found[made] = None
    return list(found)


def batches() -> Iterator[tuple[int, int]]:
    """A seed and how many names."""
    for number, start in enumerate(range(0, EXAMPLES, BATCH)):
        yield SEED + number, min(BATCH, EXAMPLES - start)


def assert_rows(out: bytes, made: Sequence[bytes], seed: int) -> None:
    """Each name is at the beginning of one row, as it may be shown, and the columns stand under each other."""
    assert not (loose := LOOSE.search(out)), (seed, loose)
    rows = {line[:5]: line for line in out.decode().splitlines() if re.match(r"n\d{4}", line)}
    assert len(rows) == len(made) == sum(1 for line in out.decode().splitlines() if re.match(r"n\d{4}", line)), seed
    widths = set()
    for each in made:
        shown = printable(name_text(each))
        line = rows[shown[:5]]
        assert shown.rstrip() in line, (seed, each, line)
        widths.add(cell_len(line[: line.rindex("  stream ") if "  stream " in line else 0]))
    assert len(widths) == 1, (seed, widths)


@pytest.mark.timeout(120 + EXAMPLES // 10)
def test_the_command_line_shows_streams_and_groups(mqtui: Mqtui, brokers: Brokers) -> None:
    url = brokers.servers.start_redis("generated")
    with Redis.from_url(url) as client:
        for seed, count in batches():
            client.flushall()
            made = names(count, seed)
            pipe = client.pipeline(transaction=False)
            call: Callable[..., Any] = pipe.execute_command
            for each in made:
                call("XADD", each, "*", b"error" + each, each)
                call("XGROUP", "CREATE", each, b"g" + each, "0")
            pipe.execute()
            assert_rows(mqtui("ls", url).ok().out, made, seed)
            for verb in ("lag", "groups", "dlq"):
                done = mqtui(verb, url).ok()
                assert not (loose := LOOSE.search(done.out + done.err.encode())), (seed, verb, loose)
                if verb == "groups":
                    assert len(done.text.splitlines()) == count + 1, (seed, verb)
            listed = {str(row["resource"]) for row in mqtui("ls", url, "--json").ok().rows()}
            assert listed >= {each.decode() for each in made if is_text(each)}, seed
    brokers.servers.discard("generated")


def is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.timeout(120 + EXAMPLES // 10)
def test_the_command_line_shows_queues(mqtui: Mqtui, rabbitmq_url: str) -> None:
    host, port = address_of(rabbitmq_url).hosts[0]
    taken = names(min(EXAMPLES, 300), SEED, lambda raw: is_text(raw) and len(raw) < 200 and not set(raw) & set(b"\r\n"))
    made = [raw for raw in taken if raw.isascii() or "\0" not in raw.decode()]
    with pika.BlockingConnection(pika.ConnectionParameters(host, port)) as connection:
        channel = connection.channel()
        for raw in made:
            channel.queue_declare(raw.decode(), auto_delete=True)
        try:
            for verb in ("ls", "lag", "groups"):
                out = mqtui(verb, rabbitmq_url).ok().out
                assert not (loose := LOOSE.search(out)), (verb, loose)
                rows = [line for line in out.decode().splitlines() if re.match(r"(queue:)?n\d{4}", line)]
                assert len(rows) == len(made) * (2 if verb == "lag" else 1), verb
        finally:
            for raw in made:
                channel.queue_delete(raw.decode())


def rows_of(page: str) -> list[str]:
    """The numbers of the names on a page, from above."""
    return re.findall(r"n\d{4}", page)


def painted(console: Terminal) -> str:
    """The rows of the list as painted so far."""
    console.catch_up()
    return "\n".join(console.screen.display[3:-2])


def page_other_than(before: str, console: Terminal) -> str:
    """The page once its rows are others than before and nothing more is written; after `TURNS` seconds as it is."""
    deadline = monotonic() + TURNS
    while rows_of(page := painted(console)) in ([], rows_of(before)) and monotonic() < deadline:
        sleep(0.02)
    deadline, written = monotonic() + TURNS, -1
    while len(console.output) != written and monotonic() < deadline:
        written = len(console.output)
        sleep(QUIET)
        page = painted(console)
    return page


def pages_of(console: Terminal, view: str) -> Iterator[str]:
    """All pages of a view from the first on."""
    console.press(f"{view}g")
    sleep(3 * QUIET)
    page = page_other_than("", console)
    before = ""
    while rows_of(page) != rows_of(before):
        yield page
        before = page
        console.press("\x1b[6~")
        page = page_other_than(before, console)


def unseen(console: Terminal, view: str, made: Sequence[bytes]) -> str:
    """The names whose rows were on no page, with the last walk's pages they belong between; "" where there are none.

    A row that moved meanwhile, as figures came, is looked for again.
    """
    seen: set[str] = set()
    pages: list[str] = []
    for _ in range(3):
        pages = list(pages_of(console, view))
        seen.update(*map(rows_of, pages))
        if len(seen) >= len(made):
            return ""
    lost = [number for each in made if (number := each[:5].decode()) not in seen]
    near = [page for page in pages if any(min(rows_of(page)) <= one <= max(rows_of(page)) for one in lost)]
    return "\n\n".join([f"{lost} are on none of {len(pages)} pages", *(near or pages)])


@pytest.mark.timeout(240 + EXAMPLES // 5)
def test_the_console_shows_streams(mqtui: Mqtui, brokers: Brokers) -> None:
    """Every page of the list and of the groups at a terminal: each name has its row, and nothing but ours is obeyed."""
    url = brokers.servers.start_redis("generated")
    environment: dict[str, Any] = mqtui.environment() | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Redis.from_url(url) as client:
        for seed, count in batches():
            client.flushall()
            made = names(count, seed)
            pipe = client.pipeline(transaction=False)
            call: Callable[..., Any] = pipe.execute_command
            for each in made:
                call("XADD", each, "*", b"error" + each, each)
                call("XGROUP", "CREATE", each, b"g" + each, "$")
            pipe.execute()
            with Terminal([sys.executable, "-m", "mqtui", url], environment, (120, 34)) as console:
                for view in ("1", "2"):
                    console.wait(lambda screen: bool(re.search(r"n\d{4}", "\n".join(screen.display))), "names")
                    console.wait(lambda screen: "† ?" not in screen.display[0], "dead letters were looked for")
                    lost = unseen(console, view, made)
                    assert not lost, f"batch {seed}, view {view}: {lost}"
                written = console.written
            rest = OURS.sub(b"", written)
            assert not (loose := LOOSE.search(rest)), (seed, rest[max(0, loose.start() - 40) : loose.start() + 40])
            assert b"\x1b" not in rest, seed
    brokers.servers.discard("generated")
