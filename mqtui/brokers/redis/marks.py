"""The keys mqtui keeps for itself, each in the slot of the stream it is about."""

from __future__ import annotations

from mqtui.brokers.redis.slots import tag_for

LIFE_S = 7 * 24 * 3600
LIFE = "7 days"


def run_mark(prefix: str, target: bytes, run: str) -> bytes:
    """D5: the set of source ids that a run has stored in a target of another slot."""
    return b"%s:{%s}:%s" % (prefix.encode(), tag_for(target), run.encode())


def moved_record(prefix: str, source: bytes, run: str, target: bytes = b"") -> bytes:
    """The list of what a run has moved lately from a source to a target in its slot; without a target: removed from it.

    It proves after a crash that a letter was moved rather than deleted by somebody else.
    """
    return b"%s:{%s}:moved:%s:%s" % (prefix.encode(), tag_for(source), run.encode(), target)


def earlier_record(record: bytes) -> bytes:
    """Where the record of the run's earlier processes is kept while it goes on."""
    return record + b":before"


def record_table(prefix: str, source: bytes) -> bytes:
    """The hash of the records of a source: by record the run and who it is of."""
    return b"%s:{%s}:records:%s" % (prefix.encode(), tag_for(source), source)


def claim_table(prefix: str, source: bytes) -> bytes:
    """The hash of letters that runs are storing at another broker: by id the run, by `@` and a run its liveness."""
    return b"%s:{%s}:claims:%s" % (prefix.encode(), tag_for(source), source)


def stay_mark(prefix: str, source: bytes) -> bytes:
    """D1: the set of ids that were moved or discarded and stay because another group still needs them."""
    return b"%s:{%s}:stays:%s" % (prefix.encode(), tag_for(source), source)
