"""The syntax trees of a test file end with it: they are large."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.architecture.house import nodes, tree


@pytest.fixture(scope="module", autouse=True)
def parsed_files() -> Iterator[None]:
    """Nothing parsed is left for the tests after."""
    yield
    nodes.cache_clear()
    tree.cache_clear()
