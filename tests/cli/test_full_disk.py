"""A disk that is full in the middle of a run: one story, and what was moved is known (C2)."""

from __future__ import annotations

import os
import resource

import pytest

from mqtui.domain.resource import BrokerKind
from tests.cli.driver import Done, Mqtui
from tests.cli.grounds import GroundOn, result
from tests.contract.worlds import Letter

LETTERS, SIZE = 40, 50_000
ROOM = 1_500_000
"""Bytes a file may have: the bundle of the first batch fits, of all it does not."""


def limited() -> None:
    """As a full disk answers: what is written beyond fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


@pytest.mark.parametrize("kind", [BrokerKind.RABBITMQ, BrokerKind.REDIS])
def test_one_story_of_a_disk_that_is_full_after_the_first_batch(mqtui: Mqtui, ground_on: GroundOn, kind: str) -> None:
    """C92: how many were moved stands with the reason; each letter is in one place; with room a resume ends it."""
    ground = ground_on(kind)
    dlq, home = ground.pair(0)
    letters = [ground.dead(number, home) for number in range(LETTERS)]
    if ground.redis:
        ground.world.put(dlq, [Letter(fields=(*one.fields, (b"big", os.urandom(SIZE)))) for one in letters])
    else:
        ground.world.put(dlq, [Letter(os.urandom(SIZE), headers=one.headers) for one in letters])
    pace = ("--rate", 20) if ground.redis else ()
    process = mqtui.start("redrive", ground.url, dlq.name, "--to", home.name, *pace, "--yes", preexec_fn=limited)
    out, err = process.communicate(timeout=60)
    done = Done(process.returncode, out, err.decode())
    done.refused(1)
    moved = len(ground.world.contents(home))
    assert 0 < moved < LETTERS
    assert len(ground.world.contents(dlq)) == LETTERS - moved
    assert f"{moved} of {LETTERS} moved" in done.text
    assert f"{moved} were moved; then it stopped" in done.err
    assert "nothing was moved" not in done.err
    assert "runs resume" in done.err
    (run,) = mqtui("runs", "--json").ok().rows()
    told = result(mqtui("runs", "resume", run["run"], "--yes", "--json").ok())
    assert (told["planned"], told["moved"], told["unknown"]) == (LETTERS, LETTERS, 0)
    assert len(ground.world.contents(home)) == LETTERS
