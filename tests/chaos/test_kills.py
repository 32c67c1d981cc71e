"""The short form of the kill table: a few redrives of each broker, killed anywhere and resumed (C6)."""

from __future__ import annotations

import secrets
from contextlib import closing

import pytest

from tests.brokers import Brokers
from tests.chaos.campaign import campaign
from tests.chaos.kill_table import SERVERS, SIDES, table

RUNS = 3
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
