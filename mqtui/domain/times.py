"""Durations, times and positions: as they are typed, and as they are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from mqtui.domain.errors import BadInput
from mqtui.domain.message import EntryId, Offset
from mqtui.domain.read_range import At, Edge, Since, StartPoint

UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
FORMS = "a time is 14:02, -15m or ISO 8601 (2026-11-24T14:02:00+01:00)"


MARGIN = timedelta(days=2)
"""More than the offset between any two time zones, so that each time can be shown in each zone."""

EARLIEST, LATEST = ((time + way * MARGIN).replace(tzinfo=UTC) for time, way in ((datetime.min, 1), (datetime.max, -1)))
EARLIEST_MS, LATEST_MS = int(EARLIEST.timestamp() * 1000), int(LATEST.timestamp() * 1000)


def format_age(seconds: float, *, units: int = 1) -> str:
    """`40s`, `3m`, `2h`, `6d`; with two units `2h 7m`. What is shorter than a second is `0s`."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        amount, left = divmod(left, length)
        if amount or (unit == "s" and not parts):
            parts.append(f"{amount}{unit}")
        if len(parts) == units:
            break
    return " ".join(parts)


def to_datetime(time_ms: int | None) -> datetime | None:
    """The UTC time of milliseconds since the epoch; None without one, or where it is out of the range of dates (K20).

    A timestamp of a message may be any 64-bit number.
    """
    if time_ms is None or not EARLIEST_MS <= time_ms <= LATEST_MS:
        return None
    return EPOCH + timedelta(milliseconds=time_ms)


def format_time(time_ms: int | None, form: str, zone: tzinfo | None = None) -> str:
    """A time as `strftime` writes it, in a zone (None: this machine's); `?` where there is none.

    `%f` is milliseconds. A time out of the range of dates is written as its number.
    """
    time = to_datetime(time_ms)
    if time is None:
        return "?" if time_ms is None else str(time_ms)
    shown = time.astimezone(zone)
    return shown.strftime(form.replace("%f", f"{shown.microsecond // 1000:03d}"))


def parse_duration(text: str) -> int:
    """The milliseconds of `30s`, `5m`, `2h`, `6d`, `200ms`, or several together (`1h30m`).

    Raises:
        BadInput: it is no duration.
    """
    if not text or DURATION.sub("", text):
        raise BadInput(f"Not a duration: {text!r}", "", "Write it as 200ms, 30s, 5m, 2h or 6d.")
    return int(sum(float(number) * UNITS[unit] for number, unit in DURATION.findall(text)))


def parse_time(text: str, now: datetime) -> int:
    """The milliseconds since the epoch of a time. `now` has the zone of a clock time, which is the latest in the past.

    Raises:
        BadInput: it is no time.
    """
    if text.startswith("-") and len(text) > 1:
        return int(now.timestamp() * 1000) - parse_duration(text[1:])
    if clock := CLOCK.fullmatch(text):
        hour, minute, second = (int(part or 0) for part in clock.groups())
        time = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        if time > now:
            time -= timedelta(days=1)
        return int(time.timestamp() * 1000)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"Not a time: {text!r}", "", FORMS) from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=now.tzinfo)
    return int(time.timestamp() * 1000)


def parse_entry_id(text: str) -> EntryId | None:
    """The entry id of `1795475111678-0`; None where the text is none."""
    if found := re.fullmatch(r"(\d{1,20})-(\d{1,20})", text):
        return EntryId(int(found[1]), int(found[2]))
    return None


def parse_offset(text: str) -> Offset:
    """The offset of `4/118203`, or of `118203` in a stream.

    Raises:
        BadInput: it is no offset.
    """
    if found := re.fullmatch(r"(?:(\d+)/)?(\d+)", text):
        return Offset(int(found[1]) if found[1] else -1, int(found[2]))
    raise BadInput(f"Not an offset: {text!r}", "", "Write it as 4/118203.")


def parse_start_point(text: str, partition: int | None, now: datetime) -> StartPoint:
    """Where a read starts: `oldest`, `newest`, an offset (`4/118203`, or `118203` with a partition), an id or a time.

    Raises:
        BadInput: it is none of these.
    """
    if text in (Edge.OLDEST, Edge.NEWEST):
        return Edge(text)
    if found := re.fullmatch(r"(\d+)/(\d+)", text):
        return At(Offset(int(found[1]), int(found[2])))
    if entry := parse_entry_id(text):
        return At(entry)
    if text.isdigit():
        return At(Offset(-1 if partition is None else partition, int(text)))
    try:
        return Since(parse_time(text, now))
    except BadInput:
        raise BadInput(
            f"Not a position to read from: {text!r}",
            "",
            f"Give oldest, newest, an offset (4/118203), an entry id (1795475111678-0); {FORMS}.",
        ) from None
