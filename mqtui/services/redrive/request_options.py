"""The values of the options of a redrive or discard: parsed, printed, applied to a request, read from one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mqtui.brokers.registry import all_traits, traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput
from mqtui.domain.redrive import Selection
from mqtui.domain.resource import BrokerKind
from mqtui.domain.times import parse_duration, parse_time, to_datetime
from mqtui.services.redrive.option_table import OptionType, RedriveOption, options_of
from mqtui.services.redrive.parse_request import build_stages, parse_canary, parse_percentage
from mqtui.services.redrive.request import RedriveRequest

YES = ("yes", "y")
NO = ("no", "n")


def options_on(verb: Verb, broker: BrokerKind) -> Iterator[RedriveOption]:
    """The options of a redrive or discard that mean something on a kind of broker."""
    elsewhere = frozenset().union(*(traits.redrive.options for traits in all_traits()))
    elsewhere -= traits_of(broker).redrive.options
    return (option for option in options_of(verb) if option.key not in elsewhere)


def parse_value(of: OptionType, text: str, now: datetime) -> Any:
    """The value of an option as typed; a resource stays text. `now` has the zone of clock times.

    Raises:
        BadInput: it can't be read.
    """
    match of:
        case OptionType.INDEX:
            return _whole(text)
        case OptionType.COUNT:
            return _above_zero(text)
        case OptionType.RATE:
            return _rate(text)
        case OptionType.TIME:
            return parse_time(text, now)
        case OptionType.DURATION:
            return parse_duration(text)
        case OptionType.SHARE:
            return parse_percentage(text)
        case OptionType.COUNTS:
            return parse_canary(text)
        case OptionType.SWITCH:
            return _agreed(text)
        case OptionType.RISKS:
            return frozenset(text.replace(",", " ").split())
        case _:
            return text


def format_value(of: OptionType, value: Any) -> str:
    """The text of an option's value, which `parse_value` reads back; "" where none is given."""
    if value is None or value is False:
        return ""
    match of:
        case OptionType.RATE:
            return f"{value:g}"
        case OptionType.TIME:
            return instant(value)
        case OptionType.DURATION:
            return f"{value / 1000:.0f}s"
        case OptionType.SHARE:
            return f"{value:.0%}"
        case OptionType.COUNTS:
            return ",".join(map(str, value))
        case OptionType.SWITCH:
            return "yes"
        case OptionType.RISKS:
            return " ".join(sorted(value))
        case _:
            return str(value)


def instant(time_ms: int | None) -> str:
    """A time in ms since the epoch as the command line takes it; "" where there is none."""
    time = to_datetime(time_ms)
    return "" if time is None else time.isoformat(timespec="milliseconds")


def values_of(request: RedriveRequest, allowed: Collection[str] = ()) -> dict[str, Any]:
    """The values of a request by the options' keys; None where none is given. `allowed` are the accepted risks."""
    wanted, stages = request.selection, request.stages
    return {
        "to": request.to,
        "to_target": request.to_target,
        "cause": wanted.cause,
        "where": wanted.where,
        "partition": wanted.partition,
        "since": wanted.since,
        "until": wanted.until,
        "limit": wanted.limit,
        "first": stages.first,
        "stop_at": stages.stop_at if stages.is_watched else None,
        "watch": round(stages.watch * 1000) if stages.is_watched else None,
        "rate": request.rate,
        "keep_timestamp": request.keep_timestamp,
        "take_over": request.take_over,
        "shared": request.shared,
        "allow": frozenset(allowed),
    }


def with_values(request: RedriveRequest, values: Mapping[str, Any]) -> RedriveRequest:
    """A request with all its options as given; an option without a value is the default. Risks are not part of it.

    Raises:
        BadInput: a stop without a canary or a watch.
    """
    changed = replace(
        request,
        selection=Selection(
            cause=values.get("cause") or "",
            where=values.get("where") or "",
            partition=values.get("partition"),
            since=values.get("since"),
            until=values.get("until"),
            limit=values.get("limit"),
        ),
        to=values.get("to"),
        to_target=values.get("to_target") or "",
        rate=values.get("rate"),
        keep_timestamp=bool(values.get("keep_timestamp")),
        take_over=bool(values.get("take_over")),
        shared=bool(values.get("shared")),
    )
    if request.verb is not Verb.REDRIVE:
        return changed
    return replace(changed, stages=build_stages(values.get("first") or (), values.get("stop_at"), values.get("watch")))


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
