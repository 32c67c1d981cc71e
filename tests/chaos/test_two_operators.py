"""The short form of two hands at one source: each kind of run once on each broker."""

from __future__ import annotations

import secrets

import pytest

from tests.brokers import Brokers
from tests.chaos.two_operators import KINDS, OTHER, campaign

RUNS = 4
LETTERS = 120

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]


@pytest.mark.parametrize("kind", KINDS)
def test_everything_adds_up(kind: str, brokers: Brokers) -> None:
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")
    names = {"rabbitmq" if kind == "quorum" else kind, OTHER[kind]}
    urls = {name: getattr(brokers, name)() for name in sorted(names)}
    lines = list(campaign(kind, urls, RUNS, LETTERS, seed))
    print(*lines, sep="\n")
    assert len(lines) == RUNS
