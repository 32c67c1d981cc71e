"""Sorting the rows of a list by a column, in steps: a hundred thousand rows don't keep a key waiting."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

Item = TypeVar("Item")

SLICE = 500
"""Items handled in one step; keys are answered between steps."""

NUMBER_IN_TEXT = re.compile(r"([0-9]{1,18})")


def slices(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items in slices of `SLICE`."""
    for start in range(0, len(items), SLICE):
        yield items[start : start + SLICE]


def sort_key(value: Any) -> Any:
    """What a value is sorted by: text by its words and numbers (`orders-9` before `orders-10`), whatever its case."""
    if not isinstance(value, str):
        return value
    parts = NUMBER_IN_TEXT.split(value.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def sort_in_slices(
    items: Sequence[Item], value: Callable[[Item], Any], *, descending: bool
) -> Generator[None, None, list[Item]]:
    """The items by their value; those without one (None or "") come last in both directions, in their own order."""
    known: list[list[tuple[Any, Item]]] = []
    without: list[Item] = []
    for part in slices(items):
        chunk: list[tuple[Any, Item]] = []
        for item in part:
            found = value(item)
            if found is None or found == "":
                without.append(item)
            else:
                chunk.append((sort_key(found), item))
        chunk.sort(key=itemgetter(0), reverse=descending)
        known.append(chunk)
        yield
    merged = heapq.merge(*known, key=itemgetter(0), reverse=descending)
    ordered: list[Item] = []
    while part := [item for _, item in islice(merged, SLICE)]:
        ordered += part
        yield
    return ordered + without
