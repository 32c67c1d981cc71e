"""How far an interrupted run came, as the journal knows it: what its resume starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mqtui.state.journal import InFlight


@dataclass(frozen=True, slots=True)
class EarlierProgress:
    """What an earlier process of the run left: what was planned, letters by outcome, and those it had in flight."""

    planned: int | None
    counts: Mapping[str, int] = field(default_factory=dict)
    in_flight: Sequence[InFlight] = ()
    suspects: Sequence[str] = ()
    """Names of letters that were moved and may have been stored twice."""

    unknown_names: Sequence[str] = ()
    """Names of letters whose outcome can't be found out any more."""

    stored: frozenset[str] = frozenset()
    """Letters in flight that were stored, and perhaps not removed."""

    repeated: frozenset[str] = frozenset()
    """Letters that were in flight at more than one crash."""

    proven: frozenset[str] = frozenset()
    """Letters in flight that were stored for certain."""

    first_offsets: Mapping[int, int] = field(default_factory=dict)
    """Kafka: the offsets at which the first plan began, by partition."""

    refused: Sequence[InFlight] = ()
    """Letters of a queue that were refused, and are tried again under the same names."""
