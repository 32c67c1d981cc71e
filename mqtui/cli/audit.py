"""`mqtui audit`."""

from __future__ import annotations

import sys

import click

from mqtui.cli import options
from mqtui.cli.exit_codes import DONE, INCOMPLETE
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import exit_on_error


@click.command()
@click.option("-n", "limit", default=50, show_default=True, type=click.IntRange(1), help="How many lines, the newest.")
@options.rows_option
def audit(*, limit: int, json_lines: bool) -> None:
    """What was changed from this machine, by whom, and how it ended. Exit 1: a line is damaged or missing."""
    output = current_output(json=json_lines)
    with exit_on_error(output):
        sys.exit(_audit(output, limit))


def _audit(output: Output, limit: int) -> int:
    from mqtui.domain.times import format_time
    from mqtui.profiles.keys import audit_key
    from mqtui.state.audit import Audit

    read = Audit(key=audit_key).read()
    entries = read.entries[-limit:]
    if output.json:
        from mqtui.services.json_rows import audit_row

        for entry in entries:
            output.json_line(audit_row(entry))
    else:
        output.table(
            ("N", "TIME", "WHO", "PROFILE", "VERB", "ON", "EVENT", "RESULT", "RUN"),
            [
                (
                    entry.n,
                    format_time(entry.time, "%Y-%m-%d %H:%M:%S"),
                    f"{entry.operator}@{entry.host}",
                    entry.profile,
                    entry.verb,
                    ", ".join(entry.on),
                    entry.event,
                    entry.result,
                    entry.run[:4].upper(),
                )
                for entry in entries
            ],
            first_to_go=("EVENT", "WHO", "PROFILE", "RUN", "RESULT", "VERB"),
        )
    for note in read.notes:
        output.note(f"▲ {note}")
    for damage in read.damages:
        output.note(f"✗ The audit is damaged at {damage}.")
    return INCOMPLETE if read.damages else DONE
