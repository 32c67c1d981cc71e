"""C32: two operators move the same stream to another Redis: each letter is stored once, or named (C13)."""

from __future__ import annotations

import json
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from mqtui.domain.resource import Ref
from tests.brokers import Brokers
from tests.cli.broker_fixtures import wait_until
from tests.cli.command_line import Mqtui
from tests.contract.redis_server import RedisServer, own_server

Ends = tuple[int, dict[str, Any], list[str]]


@pytest.fixture
def here(redis_url: str) -> Iterator[RedisServer]:
    made = RedisServer(redis_url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def there(brokers: Brokers) -> Iterator[RedisServer]:
    with own_server(brokers) as (_, made):
        yield made


@pytest.fixture
def colleague(mqtui: Mqtui, tmp_path: Path) -> Mqtui:
    """Another operator, with a journal of their own."""
    found = Mqtui(tmp_path / "colleague", mqtui.bundle_key)
    found.folder.mkdir()
    return found


def words(here: RedisServer, there: RedisServer, source: Ref, target: Ref, *more: object) -> tuple[object, ...]:
    to = ("--to", target.name, "--to-target", there.url)
    return ("redrive", here.url, source.name, *to, "--yes", "--json", *more)


def end_of(process: Popen[bytes]) -> Ends:
    """Exit code, figures and suspects."""
    out, err = process.communicate(timeout=120)
    assert b"Traceback" not in err, err.decode()
    rows = [json.loads(line) for line in out.splitlines()]
    return process.returncode, rows[-1], [row["suspect"] for row in rows if "suspect" in row]


def test_one_slow_one_fast(mqtui: Mqtui, colleague: Mqtui, here: RedisServer, there: RedisServer) -> None:
    """200 letters, one at 20 a second, another at full speed some seconds later [before: 280 in the target]."""
    source, target = here.stream("dlq", 200), there.stream("home")
    first = mqtui.start(*words(here, there, source, target, "--rate", 20))
    wait_until(lambda: len(there.numbers(target)) >= 40)
    second = end_of(colleague.start(*words(here, there, source, target)))
    ends = [second, end_of(first)]
    assert sorted(there.numbers(target)) == list(range(200))
    assert here.numbers(source) == []
    assert [suspects for _, _, suspects in ends] == [[], []]
    assert sum(told["moved"] for _, told, _ in ends) == 200
    assert all(told["moved"] + told["skipped"] == told["planned"] for _, told, _ in ends)


def test_both_at_the_same_moment(mqtui: Mqtui, colleague: Mqtui, here: RedisServer, there: RedisServer) -> None:
    """3,000 letters [before: 6,000 in the target]."""
    source, target = here.stream("dlq", 3_000), there.stream("home")
    both = [each.start(*words(here, there, source, target)) for each in (mqtui, colleague)]
    ends = [end_of(process) for process in both]
    assert sorted(there.numbers(target)) == list(range(3_000))
    assert here.numbers(source) == []
    assert sum(told["moved"] for _, told, _ in ends) == 3_000


def test_one_is_killed_and_another_goes_on(
    mqtui: Mqtui, colleague: Mqtui, here: RedisServer, there: RedisServer
) -> None:
    """`kill -9`, another operator's run, then the resume: every letter arrives, doubles are named suspects only."""
    number = secrets.randbelow(1_500)
    print(f"killed at {number}")
    source, target = here.stream("dlq", 3_000), there.stream("home")
    first = mqtui.start(*words(here, there, source, target, "--rate", 500))
    wait_until(lambda: len(there.numbers(target)) >= number)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    _, _, suspects = end_of(colleague.start(*words(here, there, source, target)))
    _, _, more = end_of(mqtui.start("runs", "resume", "--yes", "--json"))
    home = Counter(there.numbers(target))
    assert sorted(home) == list(range(3_000))
    assert here.numbers(source) == []
    assert sum(home.values()) - 3_000 <= len({*suspects, *more})
