"""`mqtui watch`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.exit_codes import DONE
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.cli.target_command import NO_TARGET, default_target, profile_names
from mqtui.domain.listen_address import ListenAddress, parse_listen_address

if TYPE_CHECKING:
    from mqtui.domain.alert import AlertRule
    from mqtui.profiles.receiver_settings import ReceiverSettings
    from mqtui.services.alerts.polling import BrokerPolling

LISTEN_ADDRESS = options.ConvertedParam("[host:]port", parse_listen_address)
FORMS = ("json", "slack", "alertmanager")


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...", shell_complete=options.complete("target"))
@click.option("--once", is_flag=True, help="Look twice within 3 s and exit: 1 while something is raised.")
@click.option(
    "--rules", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Rules before those of profiles."
)
@click.option("--webhook", metavar="URL", default="", help="Post events there: https://..., env:NAME, command:PROGRAM.")
@click.option("--form", type=click.Choice(FORMS), default="json", help="What the webhook takes.")
@click.option("--exec", "command", metavar="COMMAND", default="", help="Run it for each event, the JSON row on stdin.")
@click.option("--desktop", is_flag=True, help="Show events on this desktop.")
@click.option("--bell", is_flag=True, help="Ring the terminal's bell and set its title.")
@click.option(
    "--metrics",
    type=LISTEN_ADDRESS,
    metavar="[HOST:]PORT",
    help="Serve figures to Prometheus; to this machine by default.",
)
@click.option("--mute", nargs=2, metavar="ALERT DURATION", help="Do not tell of it for so long: lag:billing 2h.")
@click.option("--unmute", metavar="ALERT", default="", help="End a mute.")
@options.rows_option
def watch(
    *,
    targets: tuple[str, ...],
    once: bool,
    rules: Path | None,
    webhook: str,
    form: str,
    command: str,
    desktop: bool,
    bell: bool,
    metrics: ListenAddress | None,
    mute: tuple[str, str] | None,
    unmute: str,
    json_lines: bool,
) -> None:
    """Say what goes wrong, as it begins and ends. Without TARGET: the one in use, else all profiles."""
    output = current_output(json=json_lines)
    if mute is not None or unmute:
        run_command(output, lambda: _change_mutes(output, mute, unmute))
    watched = list(targets) or ([default_target()] if default_target() else profile_names())
    if not watched:
        raise click.UsageError(f"There is nothing to watch. {NO_TARGET}")
    if once and metrics is not None:
        raise click.UsageError("--metrics serves as long as it watches: leave --once out")
    receivers = _receivers(webhook, form, command, desktop=desktop)
    run_command(output, lambda: _watch(output, watched, rules, receivers, metrics, once=once, bell=bell))


def _receivers(webhook: str, form: str, command: str, *, desktop: bool) -> list[ReceiverSettings]:
    from mqtui.domain.errors import BadInput
    from mqtui.profiles.receiver_settings import ReceiverSettings, WebhookForm

    try:
        made = [ReceiverSettings(webhook=webhook, form=WebhookForm(form))] if webhook else []
        made += [ReceiverSettings(command=command)] if command else []
    except BadInput as error:
        raise click.UsageError(" ".join(filter(None, (error.title, error.detail, error.hint)))) from None
    return made + ([ReceiverSettings(desktop=True)] if desktop else [])


async def _change_mutes(output: Output, mute: tuple[str, str] | None, unmute: str) -> int:
    """Begin or end a mute, for every process of this user that watches."""
    import asyncio

    from mqtui.domain.times import format_time
    from mqtui.services.alerts.mutes import begin_mute, end_mute

    if mute is not None:
        begun = await asyncio.to_thread(begin_mute, *mute)
        until = format_time(int(begun.until * 1000), "%Y-%m-%d %H:%M")
        output.note(f"{begun.cause} is not told until {until}, or until its figure doubles")
    if unmute:
        await asyncio.to_thread(end_mute, unmute)
        output.note(f"{unmute} is told again")
    return DONE


async def _watch(
    output: Output,
    targets: Sequence[str],
    rules_file: Path | None,
    receivers: Sequence[ReceiverSettings],
    metrics: ListenAddress | None,
    *,
    once: bool,
    bell: bool,
) -> int:
    import asyncio

    from mqtui.cli.watch_report import open_watch
    from mqtui.profiles.alert_settings import load_rules
    from mqtui.services.alerts.polling import BrokerPolling
    from mqtui.services.session import list_brokers

    rules: Sequence[AlertRule] = ()
    if rules_file is not None:
        rules, more = await asyncio.to_thread(load_rules, rules_file)
        receivers = [*receivers, *more]
    lists = await asyncio.gather(*(asyncio.to_thread(list_brokers, target) for target in targets))
    brokers = list(dict.fromkeys(broker for each in lists for broker in each))
    found = await asyncio.to_thread(_profile_receivers, targets)
    async with open_watch(output, brokers, [*receivers, *found], bell=bell, once=once) as report:
        pollings = [BrokerPolling(target, report.watch, report.add, rules) for target in brokers]
        if once:
            await asyncio.gather(*(polling.look_twice() for polling in pollings))
            return await report.finish()
        async with report.serve(metrics):
            await _poll_all(pollings)
    return DONE


async def _poll_all(pollings: Sequence[BrokerPolling]) -> None:
    """Poll all brokers until interrupted, or until one of the targets turns out to be no target."""
    import asyncio

    tasks = [asyncio.create_task(polling.run()) for polling in pollings]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _profile_receivers(targets: Sequence[str]) -> list[ReceiverSettings]:
    """The receivers of all profiles that are watched, each once."""
    from mqtui.profiles.store import ProfileStore

    names = {target.partition("/")[0] for target in targets if "://" not in target}
    profiles = ProfileStore().list_profiles() if names else ()
    return list(dict.fromkeys(each for profile in profiles if profile.name in names for each in profile.receivers))
