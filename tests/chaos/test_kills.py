"""The short form of the kill table: a few redrives of each broker, killed anywhere and resumed (C6)."""

from __future__ import annotations

import secrets
from contextlib import closing

import pytest

from tests.brokers import Brokers
from tests.chaos.campaign import campaign
from tests.chaos.kill_table import SERVERS, SIDES, table

RUNS = 3
POISON = {"kafka": 1_000, "rabbitmq": 1_000, "quorum": 1_000, "redis": 1_000}
"""One letter in so many is one that the broker refuses."""

LETTERS = {"kafka": 2_000, "rabbitmq": 2_000, "quorum": 1_000, "frail": 200, "redis": 2_000}

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]


@pytest.mark.parametrize("name", LETTERS)
def test_a_killed_redrive_is_resumed(name: str, brokers: Brokers) -> None:
    seed = secrets.randbelow(10**6)
    with closing(SIDES[name](getattr(brokers, SERVERS[name])())) as side:
        *_, row = campaign(side, RUNS, LETTERS[name], seed, skip=0.9)
    print(f"seed {seed}\n{table([row])}")
    assert len(row.cases) == RUNS
    assert not row.broken
    assert row.total(lambda case: case.verdict.left) == 0


@pytest.mark.parametrize("name", POISON)
def test_poisoned_letters_are_named_and_the_others_are_home_once(name: str, brokers: Brokers) -> None:
    """K17: no resume doubles anything, and each refused letter is told with the broker's own words."""
    seed = secrets.randbelow(10**6)
    with closing(SIDES[name](getattr(brokers, SERVERS[name])())) as side:
        if not side.refusal:
            pytest.skip("this version stores no letter that it then refuses: only RabbitMQ 4 does")
        side.poison = POISON[name]
        *_, row = campaign(side, RUNS, LETTERS[name], seed, skip=0.9)
    print(f"seed {seed}\n{table([row])}")
    assert len(row.cases) == RUNS
    assert not row.broken
    assert row.total(lambda case: case.named) == RUNS * row.poisoned > 0
