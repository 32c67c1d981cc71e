"""Parses the options of a redrive or discard as people type them, for the command line and the console's form."""

from __future__ import annotations

from collections.abc import Iterable

from mqtui.brokers.registry import traits_of
from mqtui.domain.errors import BadInput
from mqtui.domain.resource import BrokerKind
from mqtui.services.redrive.request import CanaryStages, RedriveRequest

DEFAULT_WATCH_MS = 60_000
DEFAULT_STOP_AT = 0.05


def parse_canary(text: str) -> tuple[int, ...]:
    """Parse `1,10`: the sizes of the first stages.

    Raises:
        BadInput: it is no list of numbers above zero.
    """
    parts = text.split(",")
    if not all(part.strip().isdigit() and int(part) for part in parts):
        raise BadInput(f"Not a canary: {text!r}", "", "Write it as 1 or 1,10.")
    return tuple(int(part) for part in parts)


def parse_percentage(text: str) -> float:
    """Parse `5%` to a share from 0 to 1.

    Raises:
        BadInput: it is no percentage.
    """
    try:
        found = float(text.rstrip("% ")) / 100
    except ValueError:
        raise BadInput(f"Not a share: {text!r}", "", "Write it as 5%.") from None
    if not 0 <= found <= 1:
        raise BadInput(f"Not a share: {text!r}", "", "Write it as 5%.")
    return found


def build_stages(first: tuple[int, ...], stop_at: float | None, watch: int | None) -> CanaryStages:
    """Build the stages. A canary without a `watch` (ms) is monitored for a minute.

    Raises:
        BadInput: `stop_at` without a canary or watch.
    """
    watched = (DEFAULT_WATCH_MS if first else 0) if watch is None else watch
    if stop_at is not None and not watched:
        raise BadInput("--stop-at needs --canary or --watch", "Nothing would be watched.")
    return CanaryStages(first, DEFAULT_STOP_AT if stop_at is None else stop_at, watched / 1000)


def allowed_risks(order: RedriveRequest, risks: Iterable[str]) -> frozenset[str]:
    """The names of the risks that are accepted: those given, and those that `take_over` and `shared` stand for."""
    named = {*risks}
    if order.take_over:
        named.add("held")
    if order.shared:
        named.add("consumers")
    return frozenset(named)


def check_supported(order: RedriveRequest, source: BrokerKind, target: BrokerKind) -> None:
    """Check that every option is supported by the kinds of broker it concerns.

    Raises:
        BadInput: one is not; it is never accepted and ignored.
    """
    for option, given, kind in (
        ("partition", order.selection.partition is not None, source),
        ("take_over", order.take_over, source),
        ("keep_timestamp", order.keep_timestamp, target),
    ):
        if given and option not in traits_of(kind).redrive.options:
            raise BadInput(f"--{option.replace('_', '-')} means nothing on {kind}")
    if order.to_target and order.to is None:
        raise BadInput("--to-target needs --to", "", "Name the destination on the other broker.")
