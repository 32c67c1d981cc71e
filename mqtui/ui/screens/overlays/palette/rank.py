"""Ranking many texts by how well they match a query, in linear time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
SCATTERED = 3


def rank(query: str, items: Iterable[Item], text: Callable[[Item], str]) -> list[Item]:
    """The items whose text has all words of the query, the best first: at its start, at a word's start, inside.

    Where nothing matches so, the items that have the query's letters in this order.

    Textual's own matcher tries every combination, which takes seconds on one long name.
    """
    words = query.lower().split()
    if not words:
        return list(items)
    found: list[tuple[tuple[int, int], int, Item]] = []
    for screen, item in enumerate(items):
        score = _score(text(item).lower(), words)
        if score is not None:
            found.append((score, screen, item))
    if any(score[0] < SCATTERED for score, _, _ in found):
        found = [each for each in found if each[0][0] < SCATTERED]
    found.sort(key=lambda each: each[:2])
    return [item for _, _, item in found]


def _score(text: str, words: Sequence[str]) -> tuple[int, int] | None:
    """How badly a text matches: the worst kind of match among the words, then the spread; None: not at all."""
    worst, spread = 0, 0
    for word in words:
        fit = _fit(text, word)
        if fit is None:
            return None
        worst, spread = max(worst, fit[0]), spread + fit[1]
    return worst, spread


def _fit(text: str, word: str) -> tuple[int, int] | None:
    at = first = text.find(word)
    while at > 0:
        if not text[at - 1].isalnum():
            return 1, at
        at = text.find(word, at + 1)
    if at == 0:
        return 0, 0
    if first > 0:
        return 2, first
    begin = end = text.find(word[0])
    for letter in word[1:]:
        end = text.find(letter, end + 1) if end >= 0 else -1
    return (SCATTERED, end - begin) if begin >= 0 and end >= 0 else None
