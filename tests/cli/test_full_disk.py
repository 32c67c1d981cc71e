"""A disk that is full in the middle of a run: one story, and what was moved is known (C2)."""

from __future__ import annotations

import os
import resource

import pytest

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixtureOn, run_result
from tests.cli.command_line import CommandResult, Mqtui
from tests.contract.worlds import Letter

LETTERS, SIZE = 40, 50_000
ROOM = 1_500_000
"""Bytes a file may have: the bundle of the first batch fits, of all it does not."""


def limited() -> None:
    """As a full disk answers: what is written beyond fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


@pytest.mark.parametrize("kind", [BrokerKind.RABBITMQ, BrokerKind.REDIS])
def test_one_story_of_a_disk_that_is_full_after_the_first_batch(
    mqtui: Mqtui, broker_on: BrokerFixtureOn, kind: str
) -> None:
    """C92: how many were moved stands with the reason; each letter is in one place; with room a resume ends it."""
    broker = broker_on(kind)
    dlq, home = broker.create_pair(0)
    letters = [broker.dead_letter(number, home) for number in range(LETTERS)]
    if broker.redis:
        broker.world.put(dlq, [Letter(fields=(*one.fields, (b"big", os.urandom(SIZE)))) for one in letters])
    else:
        broker.world.put(dlq, [Letter(os.urandom(SIZE), headers=one.headers) for one in letters])
    pace = ("--rate", 20) if broker.redis else ()
    process = mqtui.start("redrive", broker.url, dlq.name, "--to", home.name, *pace, "--yes", preexec_fn=limited)
    out, err = process.communicate(timeout=60)
    done = CommandResult(process.returncode, out, err.decode())
    done.fails(1)
    moved = len(broker.world.contents(home))
    assert 0 < moved < LETTERS
    assert len(broker.world.contents(dlq)) == LETTERS - moved
    assert f"{moved} of {LETTERS} moved" in done.text
    assert f"{moved} were moved; then it stopped" in done.err
    assert "nothing was moved" not in done.err
    assert "runs resume" in done.err
    (run,) = mqtui("runs", "--json").ok().rows()
    told = run_result(mqtui("runs", "resume", run["run"], "--yes", "--json").ok())
    assert (told["planned"], told["moved"], told["unknown"]) == (LETTERS, LETTERS, 0)
    assert len(broker.world.contents(home)) == LETTERS
