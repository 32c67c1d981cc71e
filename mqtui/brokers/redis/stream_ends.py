"""Where streams begin and end: by a script that tells ids and counts of many at once, without sending their entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from mqtui.brokers.redis import scripts
from mqtui.brokers.redis.errors import UNAVAILABLE, answered, denies_key
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import Answer, Reply, entry_id, items, number, text
from mqtui.brokers.redis.wire import Command
from mqtui.domain.message import EntryId

TOGETHER = 50
"""Streams that one call of the script tells of."""

ROOM = 4 << 20
"""Bytes of first and last entries that one call goes through: the server serves nobody else meanwhile (some ms)."""


@dataclass(frozen=True, slots=True)
class Ends:
    """A stream's length, the last id it generated, the first it holds and how many entries it ever got.

    None: there is no such entry, or this user is not told.
    """

    length: int
    last: EntryId | None = None
    first: EntryId | None = None
    added: int | None = None


def ends_of(length: int, told: Answer) -> Ends:
    """The ends of one of the streams that the script was asked about; only its length where it did not tell."""
    if not isinstance(told, list):
        return Ends(length)
    last, first, added = told
    held = entry_id(text(first).encode()) if first else None
    return Ends(length, entry_id(text(last).encode()), held, number(added) if number(added) >= 0 else None)


def ends_command(keys: Sequence[bytes]) -> Command:
    """The question that `told_of_each` reads."""
    return ("EVAL_RO", scripts.ENDS, len(keys), *keys, ROOM)


def told_of_each(keys: Sequence[bytes], answer: Answer) -> dict[bytes, Reply]:
    """What the script told, by stream: None for one that it could not ask. Those it did not come to are missing."""
    return {} if isinstance(answer, RedisError) else dict(zip(keys, items(answer), strict=False))


async def with_ends(
    nodes: Nodes, keys: Sequence[bytes], questions: Sequence[tuple[bytes, Command]]
) -> tuple[list[Answer], Mapping[bytes, Reply]]:
    """The answers to questions, and what the script tells of each stream, in as few round trips as can be.

    A cluster runs a script over the keys of one slot only, so each is asked about alone. Elsewhere that is done where
    a call for several was refused, because of one key or because this is a node of a cluster, or came not to its end.
    """
    each = 1 if nodes.clustered else TOGETHER
    shares = [keys[start : start + each] for start in range(0, len(keys), each)]
    answers = await nodes.scatter([*questions, *((share[0], ends_command(share)) for share in shares)])
    scripted = answers[len(questions) :]
    told: dict[bytes, Reply] = {}
    for share, answer in zip(shares, scripted, strict=True):
        told |= told_of_each(share, answer)
    left = [key for key in keys if key not in told]
    if left and each > 1 and not any(map(_is_hopeless, scripted)):
        for key, answer in zip(left, await nodes.scatter([(key, ends_command([key])) for key in left]), strict=True):
            told |= told_of_each([key], answer)
    return answers[: len(questions)], told


def _is_hopeless(answer: Answer) -> bool:
    """Whether scripts can't be used here at all, whatever the key."""
    if not isinstance(answer, RedisError):
        return False
    error = answered(answer, "EVAL_RO")
    return isinstance(error, UNAVAILABLE) and not denies_key(error.detail)
