"""What can be done, and the reason where it can't."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """Everything mqtui can be asked for."""

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


WRITES = frozenset({Verb.SPEND, Verb.PUBLISH, Verb.CLAIM, Verb.ACK, Verb.REDRIVE, Verb.DISCARD, Verb.PUT_BACK})


@dataclass(frozen=True, slots=True)
class Support:
    """Yes, or no with the reason and, where known, who can change that."""

    yes: bool
    reason: str = ""
    hint: str = ""

    def __bool__(self) -> bool:
        return self.yes


SUPPORTED = Support(yes=True)


def not_supported(reason: str, hint: str = "") -> Support:
    """It can't be done here."""
    return Support(yes=False, reason=reason, hint=hint)
