"""Verbs, and whether a broker supports them or why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """What mqtui can do, by the names of the commands."""

    LIST = "ls"
    PEEK = "peek"
    TAIL = "tail"
    GROUPS = "groups"
    LAG = "lag"
    PENDING = "pending"
    DEAD_LETTERS = "dlq"
    SPEND = "spend"
    PUBLISH = "publish"
    CLAIM = "claim"
    ACK = "ack"
    REDRIVE = "redrive"
    DISCARD = "discard"
    PUT_BACK = "putback"
    REGISTER = "register"
    OFFSETS = "offsets"
    TRANSACTIONS = "transactions"
    ABORT = "abort"
    CREATE = "create"
    ALTER = "alter"
    DELETE = "delete"
    PURGE = "purge"
    SHARE = "share"


WRITES = frozenset(
    {
        *(Verb.SPEND, Verb.PUBLISH, Verb.CLAIM, Verb.ACK),
        *(Verb.REDRIVE, Verb.DISCARD, Verb.PUT_BACK, Verb.REGISTER, Verb.OFFSETS, Verb.ABORT),
        *(Verb.CREATE, Verb.ALTER, Verb.DELETE, Verb.PURGE, Verb.SHARE),
    }
)


LETTER_VERBS = frozenset({Verb.REDRIVE, Verb.DISCARD})
"""What moves letters: their runs have a request in the journal."""


@dataclass(frozen=True, slots=True)
class Support:
    """Whether something is supported, else the reason and, where known, what to do about it."""

    yes: bool
    reason: str = ""
    hint: str = ""

    def __bool__(self) -> bool:
        return self.yes


SUPPORTED = Support(yes=True)


def not_supported(reason: str, hint: str = "") -> Support:
    """Not supported, for that reason."""
    return Support(yes=False, reason=reason, hint=hint)
