"""The short form of the rates: the whole engine against a bare loop, in turn on one broker; the median ratio counts.

It holds half of what is promised, since other work on the machine halves a ratio now and then; the promise itself is
measured by the full form, `python -m tests.perf.rates`, on a quiet machine.
"""

from __future__ import annotations

import pytest

from tests.brokers import Brokers
from tests.perf.rates import RACES, middle, race, start_ratio

COUNT = {"kafka": 60_000, "rabbitmq": 10_000, "redis": 40_000}
PAIRS = 3

pytestmark = [pytest.mark.perf, pytest.mark.timeout(180)]


@pytest.mark.parametrize("name", RACES)
def test_redrive_is_nearly_as_fast_as_a_bare_loop(name: str, brokers: Brokers) -> None:
    pairs = race(name, getattr(brokers, name)(), COUNT[name], PAIRS)
    print(
        *(f"{name}: ours {pair.ours:,.0f}/s, bare {pair.bare:,.0f}/s, ratio {pair.ratio:.2f}" for pair in pairs),
        sep="\n",
    )
    assert middle(pairs) >= RACES[name].least / 2


def test_the_version_comes_in_less_than_three_bare_imports() -> None:
    ours, bare = start_ratio()
    assert ours < 3 * bare
