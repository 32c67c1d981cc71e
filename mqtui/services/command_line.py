"""The command line that is equivalent to a run or an audit entry."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from mqtui.domain.audit import AuditEntry
from mqtui.domain.capability import Verb
from mqtui.domain.name_quoting import command, join, needs_kind
from mqtui.services.offsets.journal_plan import decode_offsets
from mqtui.services.redrive.option_table import OptionType, options_of
from mqtui.services.redrive.request import RedriveRequest, decode_request
from mqtui.services.redrive.request_options import format_value, values_of
from mqtui.state.journal import RunRecord


def equivalent_command(entry: AuditEntry, record: RunRecord | None) -> str:
    """The command of an audit entry; of an entry of the console, the command equivalent to its run in the journal."""
    words = entry.command.split()
    if record is None or entry.verb in words or "runs" in words:
        return entry.command
    if record.verb == Verb.PUT_BACK:
        of = msgspec.json.decode(record.plan).get("putback", "")
        return f"mqtui runs putback {of[:8].upper()}"
    if record.verb == Verb.OFFSETS:
        return decode_offsets(record).command
    return command_of(decode_request(record.plan).request, record.target)


def command_of(request: RedriveRequest, target: str, allowed: Collection[str] = ()) -> str:
    """The command line of a redrive or a discard; `allowed` are the accepted risks."""
    words: list[str] = []
    values = values_of(request, allowed)
    for option in options_of(request.verb):
        text = format_value(option.type, values[option.key])
        if not text:
            continue
        match option.type:
            case OptionType.RESOURCE:
                kind = ("--to-kind", str(request.to.kind)) if request.to and needs_kind(request.to, "--to") else ()
                words += [option.flag, request.to.name if request.to else "", *kind]
            case OptionType.RISKS:
                words += [word for risk in sorted(allowed) for word in (option.flag, risk)]
            case OptionType.SWITCH:
                words.append(option.flag)
            case _:
                words += [option.flag, text]
    return join(command(request.verb.value, target, request.source, *words))
