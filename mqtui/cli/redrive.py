"""`mqtui redrive`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mqtui.cli import options
from mqtui.cli.consent import Agreed
from mqtui.cli.letters import Wish, perform
from mqtui.cli.output import current
from mqtui.cli.running import run
from mqtui.cli.selecting import selection, selects
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput
from mqtui.domain.resource import Named


def counts(text: str) -> tuple[int, ...]:
    """`1,10`: sizes of the first stages.

    Raises:
        BadInput: it is no list of numbers above zero.
    """
    parts = text.split(",")
    if not all(part.strip().isdigit() and int(part) for part in parts):
        raise BadInput(f"Not a canary: {text!r}", "", "Write it as 1 or 1,10.")
    return tuple(int(part) for part in parts)


def share(text: str) -> float:
    """`5%`: a share from 0 to 1.

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


COUNTS = options.Converted("counts", counts)
SHARE = options.Converted("share", share)


@click.command()
@options.target
@click.argument("dlq", type=options.RESOURCE)
@click.option(
    "--to", type=options.RESOURCE, metavar="RESOURCE", help="Where to; without it each goes where it came from."
)
@click.option("--to-target", default="", metavar="TARGET", help="The broker of --to, where it is another one.")
@selects
@click.option("--keep-timestamp", is_flag=True, help="Kafka: records keep their own time.")
@click.option("--canary", type=COUNTS, default=(), metavar="N[,N]", help="First so many, then more, then the rest.")
@click.option("--stop-at", type=SHARE, metavar="P%", help="Stop by itself if more come back. Default: 5%.")
@click.option("--watch", type=options.DURATION, metavar="D", help="Watch so long whether letters come back.")
@options.writes
@options.as_json
def redrive(
    *,
    target: str,
    dlq: Named,
    to: Named | None,
    to_target: str,
    keep_timestamp: bool,
    canary: tuple[int, ...],
    stop_at: float | None,
    watch: int | None,
    rate: float | None,
    take_over: bool,
    yes_shared: bool,
    allow: tuple[str, ...],
    plan_file: Path | None,
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
    **chosen: Any,
) -> None:
    """Send dead letters home: planned, confirmed by the broker, then removed; a receipt for each."""
    output = current(json=json_lines)
    wish = Wish(
        Verb.REDRIVE,
        dlq,
        selection(chosen),
        to,
        to_target,
        rate,
        keep_timestamp,
        take_over,
        yes_shared,
        plan_file,
        canary,
        stop_at,
        watch,
    )
    agreed = Agreed(dry_run, yes, confirm, wish.allowed(allow))
    run(output, lambda: perform(output, target, wish, agreed))
