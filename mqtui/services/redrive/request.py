"""A redrive or discard as it was asked for, and the form in which the journal keeps it for a resume."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import msgspec

from mqtui.domain.capability import Verb
from mqtui.domain.errors import StorageFailed
from mqtui.domain.figure import Figure, at_most, unknown
from mqtui.domain.redrive import CountBound, IdBounds, OffsetBounds, Selection, SnapshotBounds, Source
from mqtui.domain.resource import Ref


@dataclass(frozen=True, slots=True)
class CanaryStages:
    """`first` are the sizes of the stages before the rest (`1, 10`). The run stops by itself where more than `stop_at`
    (0 to 1) of the letters were dead-lettered again within `watch` seconds; 0 seconds: not monitored.
    """

    first: tuple[int, ...] = ()
    stop_at: float = 0.05
    watch: float = 0.0

    @property
    def is_watched(self) -> bool:
        """Whether the stages are monitored."""
        return self.watch > 0

    def describe(self) -> str:
        """One line for a plan, such as `1, then 10, then the rest`."""
        sizes = ", then ".join([*(f"{size:,}" for size in self.first), "the rest"])
        return (
            f"{sizes}; stops if more than {self.stop_at:.0%} come back within {self.watch:.0f}s"
            if self.is_watched
            else sizes
        )


@dataclass(frozen=True, slots=True)
class RedriveRequest:
    """A redrive or discard. Without `to` each letter goes back to its original topic, queue or stream.

    `to_target` names another broker (a profile or URL), `rate` is letters a second, `shared` agrees that consumers may
    read the source meanwhile, `take_over` ends another operator's run on it.
    """

    verb: Verb
    source: Ref
    selection: Selection = field(default_factory=Selection)
    to: Ref | None = None
    to_target: str = ""
    rate: float | None = None
    keep_timestamp: bool = False
    take_over: bool = False
    shared: bool = False
    stages: CanaryStages = field(default_factory=CanaryStages)


class SavedRequest(msgspec.Struct, frozen=True, rename={"request": "order"}):
    """A request and the bounds it was planned with, kept in the journal, so that a resume takes the same letters."""

    request: RedriveRequest
    identity: str
    targets: tuple[Ref, ...]
    offsets: OffsetBounds | None = None
    ids: IdBounds | None = None
    ready: CountBound | None = None
    facts: tuple[tuple[str, str], ...] = ()
    """What the plan said: a label and a sentence each."""

    def bounds(self) -> SnapshotBounds:
        """The bounds as planned."""
        for known in (self.offsets, self.ids, self.ready):
            if known is not None:
                return known
        raise ValueError("a saved request without bounds")


def encode_request(
    request: RedriveRequest, source: Source, targets: tuple[Ref, ...], facts: tuple[tuple[str, str], ...] = ()
) -> bytes:
    """The journal's form of a request and what its plan said: JSON.

    Bytes of names that are not UTF-8 are kept as surrogates.
    """
    bounds = source.bounds
    kept = SavedRequest(
        request,
        source.identity,
        targets,
        bounds if isinstance(bounds, OffsetBounds) else None,
        bounds if isinstance(bounds, IdBounds) else None,
        bounds if isinstance(bounds, CountBound) else None,
        facts,
    )
    return json.dumps(msgspec.to_builtins(kept, str_keys=True)).encode()


def decode_request(raw: bytes) -> SavedRequest:
    """The request and bounds that the journal kept.

    Raises:
        StorageFailed: the journal is damaged.
    """
    try:
        return msgspec.convert(json.loads(raw), SavedRequest, strict=False)
    except ValueError as error:
        why = f"What the run was to do can't be read: {error}"
        raise StorageFailed("The journal of runs is damaged", why) from error


def clip_to(source: Source, kept: SavedRequest) -> Source:
    """A fresh snapshot, clipped to the bounds of the first plan: letters that arrived later are not in it."""
    bounds = source.bounds
    match bounds, kept.bounds():
        case OffsetBounds(), OffsetBounds(end=end):
            known = {number: min(end.get(number, 0), now) for number, now in bounds.end.items()}
            bounds = OffsetBounds(bounds.first, known)
        case IdBounds(), IdBounds(last=last):
            bounds = replace(bounds, last=last)
        case CountBound(ready=ready), CountBound(at=at, mark=mark):
            bounds = CountBound(ready, at, mark)
        case _:
            pass
    return Source(source.ref, source.identity, bounds, source.count, source.handled, source.lock_owner, source.readers)


def at_most_selected(held: Figure) -> Figure:
    """The count of a selection that is not known before each letter is read: `held` at most."""
    why = "known when the letters are read"
    return unknown(why) if held.number is None else at_most(held.number, why)


def count_up_to_limit(source: Source, limit: int | None) -> Figure:
    """How many letters a run without selection would take."""
    if limit is None or source.count.number is None or source.count.number <= limit:
        return source.count
    return Figure(limit, source.count.sort, source.count.why)
