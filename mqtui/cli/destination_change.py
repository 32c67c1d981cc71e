"""What `create`, `alter`, `delete` and `purge` share: plan, confirm, carry out, print."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click

from mqtui.cli.consent import ConsentFlags, agree_to_plan, print_plan
from mqtui.cli.exit_codes import DONE
from mqtui.cli.output import Output
from mqtui.cli.pending_write import print_result
from mqtui.domain.destination_change import parse_settings
from mqtui.domain.resource import ParsedName

if TYPE_CHECKING:
    from mqtui.domain.destination_change import DestinationChange
    from mqtui.domain.resource import Ref
    from mqtui.services.session import Session

settings_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting: of a topic (retention.ms=60000), an argument of a queue (x-max-length=1000).",
)
partitions_option = click.option("--partitions", type=click.IntRange(1), metavar="N", help="Kafka: so many partitions.")


def read_settings(texts: tuple[str, ...]) -> dict[str, str]:
    """Settings as typed; a mistake is a usage error."""
    from mqtui.domain.errors import BadInput

    try:
        return parse_settings(texts)
    except BadInput as error:
        raise click.UsageError(f"{error.title}. {error.hint}") from error


async def confirm_and_change(
    output: Output,
    target: str,
    ask: Callable[[Session], Awaitable[DestinationChange]],
    flags: ConsentFlags,
) -> int:
    """Plan what is asked, print the plan, get consent, carry it out."""
    from mqtui.services.destinations.change import plan_change, run_change
    from mqtui.services.session import open_session

    async with open_session(target) as session:
        output.warn(session.warnings)
        plan = await plan_change(session, await ask(session))
        print_plan(output, plan)
        if not plan.steps:
            return DONE
        consent = agree_to_plan(output, plan, session.policy, flags)
        if consent is None:
            return DONE
        return print_result(output, plan.verb, await run_change(session, plan, consent))


def change_existing(
    output: Output,
    target: str,
    resource: ParsedName,
    change: Callable[[Ref], DestinationChange],
    flags: ConsentFlags,
) -> Callable[[], Coroutine[Any, Any, int]]:
    """What changes a destination that is there."""

    async def ask(session: Session) -> DestinationChange:
        from mqtui.services.browse import find_destination

        return change((await find_destination(session.broker, resource)).ref)

    return lambda: confirm_and_change(output, target, ask, flags)
