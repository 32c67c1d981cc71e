"""The short form of the rates: redrives beside a loop of the client library, in turn on one broker.

The median ratio of the walls, without start and exit, which would weigh more on fewer letters, has to be half of what
is promised: CI shares its machine. The promise itself is measured by the full form, `python -m tests.perf.rates`, on a
quiet machine.
"""

from __future__ import annotations

from statistics import median

import pytest

from tests.brokers import Brokers
from tests.perf.rates import RACES, race, start_ratio

COUNT = {"kafka": 100_000, "classic": 20_000, "quorum": 10_000, "redis": 60_000}
PAIRS = 3

pytestmark = [pytest.mark.perf, pytest.mark.timeout(180)]


@pytest.mark.parametrize("name", COUNT)
def test_redrive_is_nearly_as_fast_as_a_loop(name: str, brokers: Brokers) -> None:
    pairs = race(name, getattr(brokers, RACES[name].server)(), COUNT[name], PAIRS)
    print(*(f"{name}: {pair}" for pair in pairs), sep="\n")
    assert median(pair.started_ratio for pair in pairs) >= RACES[name].least / 2


def test_the_version_comes_in_less_than_three_bare_imports() -> None:
    ours, bare = start_ratio()
    assert ours < 3 * bare
