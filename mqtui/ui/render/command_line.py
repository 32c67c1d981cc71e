"""The command line that is equivalent to a run or an audit entry."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from mqtui.domain.audit import AuditEntry
from mqtui.domain.capability import Verb
from mqtui.domain.name_quoting import command, join, needs_kind
from mqtui.domain.times import to_datetime
from mqtui.services.redrive.request import RedriveRequest, decode_request
from mqtui.state.journal import RunRecord


def equivalent_command(entry: AuditEntry, record: RunRecord | None) -> str:
    """The command of an audit entry; of an entry of the console, the command equivalent to its run in the journal."""
    words = entry.command.split()
    if record is None or entry.verb in words or "runs" in words:
        return entry.command
    if record.verb == Verb.PUT_BACK:
        of = msgspec.json.decode(record.plan).get("putback", "")
        return f"mqtui runs putback {of[:8].upper()}"
    return command_of(decode_request(record.plan).request, record.target)


def command_of(request: RedriveRequest, target: str, allowed: Collection[str] = ()) -> str:
    """The command line of a redrive or a discard; `allowed` are the accepted risks."""
    wanted, stages = request.selection, request.stages
    words: list[str] = []
    if request.to is not None:
        kind = ("--to-kind", str(request.to.kind)) if needs_kind(request.to, "--to") else ()
        words += ["--to", request.to.name, *kind]
    named = (
        ("--to-target", request.to_target),
        ("--cause", wanted.cause),
        ("--where", wanted.where),
        ("--partition", "" if wanted.partition is None else str(wanted.partition)),
        ("--from", instant(wanted.since)),
        ("--until", instant(wanted.until)),
        ("--limit", "" if wanted.limit is None else str(wanted.limit)),
        ("--rate", "" if request.rate is None else f"{request.rate:g}"),
        ("--canary", ",".join(map(str, stages.first))),
        ("--stop-at", f"{stages.stop_at:.0%}" if stages.is_watched else ""),
        ("--watch", f"{stages.watch:.0f}s" if stages.is_watched else ""),
    )
    for name, value in named:
        if value:
            words += [name, value]
    switches = (
        ("--keep-timestamp", request.keep_timestamp),
        ("--take-over", request.take_over),
        ("--yes-shared", request.shared),
    )
    words += [word for risk in sorted(allowed) for word in ("--allow", risk)]
    words += [name for name, on in switches if on]
    return join(command(request.verb.value, target, request.source, *words))


def instant(time_ms: int | None) -> str:
    """A time in ms since the epoch as the command line takes it; "" where there is none."""
    time = to_datetime(time_ms)
    return "" if time is None else time.isoformat(timespec="milliseconds")
