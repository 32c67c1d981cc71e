"""A redrive request as form fields, and form fields as a request. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from mqtui.brokers.registry import traits_of
from mqtui.domain import times
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput
from mqtui.domain.redrive import Selection
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.resource import parse_name as named
from mqtui.services.redrive import parse_request
from mqtui.services.redrive.request import RedriveRequest
from mqtui.ui.render.command_line import instant
from mqtui.ui.widgets.form import Field

Value = TypeVar("Value")
YES = ("yes", "y")
NO = ("", "no", "n")


class RedriveOptions(NamedTuple):
    """A request and the accepted risks. `request.to` is as typed, not looked up yet."""

    request: RedriveRequest
    allowed: frozenset[str]


class FieldError(Exception):
    """A field that can't be read."""

    def __init__(self, key: str, error: BadInput) -> None:
        super().__init__(error.title)
        self.key, self.cause = key, error


def fields(request: RedriveRequest, allowed: Collection[str], broker: BrokerKind) -> list[Field]:
    """A field for each option that applies to the verb and the broker."""
    wanted, stages, own = request.selection, request.stages, traits_of(broker).redrive.options
    redrive = request.verb is Verb.REDRIVE
    has_partition, keeps_time, takes_over = (name in own for name in ("partition", "keep_timestamp", "take_over"))
    given = (
        (redrive, Field("to", "To", str(request.to or ""), "empty: home, where each came from")),
        (redrive, Field("to_target", "On", request.to_target, "another profile, where `to` is there")),
        (True, Field("cause", "Cause", wanted.cause, "the id of a cause; empty: all")),
        (True, Field("where", "Where", wanted.where, "jq: .amount == null")),
        (has_partition, Field("partition", "Partition", _number(wanted.partition), "empty: all")),
        (True, Field("since", "Died from", instant(wanted.since), "14:02, -15m or ISO 8601")),
        (True, Field("until", "Died before", instant(wanted.until), "14:02, -15m or ISO 8601")),
        (True, Field("limit", "At most", _number(wanted.limit), "letters; empty: all")),
        (redrive, Field("first", "First", ",".join(map(str, stages.first)), "1,10 then the rest; empty: all at once")),
        (redrive, Field("stop_at", "Stop at", f"{stages.stop_at:.0%}" if stages.is_watched else "", "5% come back")),
        (redrive, Field("watch", "Watch", f"{stages.watch:.0f}s" if stages.is_watched else "", "60s; 0s: nothing")),
        (
            True,
            Field("rate", "A second", "" if request.rate is None else f"{request.rate:g}", "letters; empty: no limit"),
        ),
        (
            redrive and keeps_time,
            Field("keep_timestamp", "Own time", _yes(request.keep_timestamp), "yes: records keep it"),
        ),
        (
            takes_over,
            Field("take_over", "Take over", _yes(request.take_over), "yes: ends another operator's run"),
        ),
        (True, Field("shared", "Shared", _yes(request.shared), "yes: consumers of the source read along")),
        (True, Field("allow", "Let through", " ".join(sorted(allowed)), "risks by the names of the plan")),
    )
    return [field for meant, field in given if meant]


def read(request: RedriveRequest, held: Mapping[str, str], broker: BrokerKind, now: datetime) -> RedriveOptions:
    """The options that the fields describe; others stay as in `request`. `now` has the zone of clock times.

    Raises:
        FieldError: a field can't be read.
    """

    def of(key: str, convert: Callable[[str], Value], empty: Value) -> Value:
        text = held.get(key, "").strip()
        try:
            return convert(text) if text else empty
        except BadInput as error:
            raise FieldError(key, error) from None

    selection = Selection(
        cause=of("cause", str, ""),
        where=of("where", str, ""),
        partition=of("partition", _whole, None),
        since=of("since", lambda text: times.parse_time(text, now), None),
        until=of("until", lambda text: times.parse_time(text, now), None),
        limit=of("limit", _above_zero, None),
    )
    changed = replace(
        request,
        selection=selection,
        to=of("to", lambda text: _ref(text, broker), None),
        to_target=of("to_target", str, ""),
        rate=of("rate", _rate, None),
        keep_timestamp=of("keep_timestamp", _agreed, empty=False),
        take_over=of("take_over", _agreed, empty=False),
        shared=of("shared", _agreed, empty=False),
    )
    if request.verb is Verb.REDRIVE:
        first: tuple[int, ...] = ()
        parts = (
            of("first", parse_request.parse_canary, first),
            of("stop_at", parse_request.parse_percentage, None),
            of("watch", times.parse_duration, None),
        )
        try:
            changed = replace(changed, stages=parse_request.build_stages(*parts))
        except BadInput as error:
            raise FieldError("stop_at", error) from None
    return RedriveOptions(changed, frozenset(held.get("allow", "").replace(",", " ").split()))


def _ref(text: str, broker: BrokerKind) -> Ref:
    wanted = named(text)
    return Ref(wanted.kind or traits_of(broker).destinations[0], wanted.name)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise BadInput(f"Not a number: {text!r}")
    return int(text)


def _above_zero(text: str) -> int:
    found = _whole(text.replace(",", ""))
    if not found:
        raise BadInput("At least 1")
    return found


def _rate(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        raise BadInput(f"Not a number: {text!r}") from None
    if not 0 < found < float("inf"):
        raise BadInput("A rate is above 0")
    return found


def _agreed(text: str) -> bool:
    if text.lower() in YES:
        return True
    if text.lower() in NO:
        return False
    raise BadInput("yes or no")


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _yes(given: bool) -> str:  # noqa: FBT001 - what is written is a yes or a no
    return "yes" if given else ""
