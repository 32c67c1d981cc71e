"""C52: a list opens with its newest row and the cursor in sight, however many slices it came in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import broker_fixture_of
from tests.cli.command_line import Mqtui
from tests.contract.worlds import Letter
from tests.terminal import Terminal

MANY = 1_500


@pytest.mark.parametrize("size", [(80, 24), (120, 34)], ids=["80x24", "120x34"])
@pytest.mark.parametrize("kind", [BrokerKind.KAFKA, BrokerKind.REDIS])
def test_the_newest_of_many_is_in_sight(
    request: pytest.FixtureRequest, tmp_path: Path, kind: BrokerKind, size: tuple[int, int]
) -> None:
    url: str = request.getfixturevalue(f"{kind}_url")
    ground = broker_fixture_of(kind, url)
    ref = ground.world.create("many")
    made: Callable[[int], Letter] = entry if ground.redis else record
    ground.world.put(ref, [made(number) for number in range(MANY)])
    environment: dict[str, Any] = Mqtui(tmp_path, "").environment() | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Terminal([sys.executable, "-m", "mqtui", url, ref.name], environment, size) as console:
        console.wait(lambda screen: "newest 1,000 of" in screen.display[2], "all is read")
        last = f"number-{MANY - 1}"
        console.wait(lambda screen: any(last in row and row.startswith("▌") for row in screen.display), "the cursor", 5)
        shown = [row for row in console.screen.display if "number-" in row[: size[0] * 2 // 3]]
        assert last in shown[-1], shown
        console.press("g")
        console.wait(lambda screen: any(row.startswith("▌") for row in screen.display[3:6]), "the oldest of them", 5)
        console.press("G")
        console.wait(lambda screen: any(last in row and row.startswith("▌") for row in screen.display), "the end", 5)
    ground.world.close()


def record(number: int) -> Letter:
    return Letter(b"number-%d" % number)


def entry(number: int) -> Letter:
    return Letter(fields=((b"n", b"number-%d" % number),))
