"""The short form of the searches: beside kcat, on one topic, in turn. The full form is `python -m tests.perf.searches`.

CPU times are compared, without start and exit, which would weigh more on fewer records: other tests may run beside.
"""

from __future__ import annotations

import pytest

from tests.brokers import Brokers
from tests.perf.searches import RACES, filled_topics, race

COUNT = 100_000


@pytest.mark.timeout(240)
def test_a_search_keeps_up_with_kcat_and_grep_or_jq(brokers: Brokers) -> None:
    url = brokers.kafka()
    with filled_topics(url, COUNT) as topics:
        for name in ("text", "predicate"):
            (pair,) = race(url, name, topics, 1)
            print(f"{name}: {pair}")
            assert pair.cpu_ratio >= RACES[name].least, name
