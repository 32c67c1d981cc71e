"""The names of the keys that mqtui keeps in Redis. Each lies in the slot of the stream it is about, and expires."""

from __future__ import annotations

from mqtui.brokers.redis.connection.hash_slots import hash_tag_for

TTL_S = 7 * 24 * 3600
TTL_TEXT = "7 days"


def stored_set_key(prefix: str, target: bytes, run: str) -> bytes:
    """A set: the source ids that a run has stored in a target of another slot (D5)."""
    return b"%s:{%s}:%s" % (prefix.encode(), hash_tag_for(target), run.encode())


def handled_set_key(prefix: str, source: bytes) -> bytes:
    """A set: the ids that were moved or discarded, but stay in the source because another group needs them (D1)."""
    return b"%s:{%s}:stays:%s" % (prefix.encode(), hash_tag_for(source), source)


def move_log_key(prefix: str, source: bytes, run: str, target: bytes = b"") -> bytes:
    """A list: what a run has moved lately to a target in the source's slot; without a target, what it has removed.

    After a crash it proves that a letter was moved, rather than deleted by somebody else.
    """
    return b"%s:{%s}:moved:%s:%s" % (prefix.encode(), hash_tag_for(source), run.encode(), target)


def earlier_move_log_key(move_log: bytes) -> bytes:
    """The move log of the run's earlier processes, while the run goes on."""
    return move_log + b":before"


def move_log_index_key(prefix: str, source: bytes) -> bytes:
    """A hash: the move logs of a source, each with its run and the run's owner."""
    return b"%s:{%s}:records:%s" % (prefix.encode(), hash_tag_for(source), source)


def claims_key(prefix: str, source: bytes) -> bytes:
    """A hash: by id, the run that stores the letter at another broker; by `@` and the run, its heartbeat."""
    return b"%s:{%s}:claims:%s" % (prefix.encode(), hash_tag_for(source), source)
