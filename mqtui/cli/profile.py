"""`mqtui profile`."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from mqtui.cli import options
from mqtui.cli.exit_codes import DONE, exit_code_of
from mqtui.cli.options import ConvertedParam
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import exit_on_error, run_command
from mqtui.domain.errors import MqtuiError
from mqtui.domain.policy import Environment
from mqtui.services.compose import parse_header

if TYPE_CHECKING:
    from mqtui.profiles.model import BrokerEndpoint, Profile


@click.group()
def profile() -> None:
    """Named connections. They are stored in a TOML file, their secrets in the keyring."""


@profile.command("list")
@options.rows_option
def list_profiles(*, json_lines: bool) -> None:
    """All profiles."""
    output = current_output(json=json_lines)
    with exit_on_error(output):
        from mqtui.profiles.store import ProfileStore

        known = ProfileStore().list_profiles()
        if output.json:
            for each in known:
                output.json_line(profile_row(each))
            return
        output.table(
            ("NAME", "ENV", "MODE", "BROKERS"),
            [
                (each.name, each.environment, _mode(each), "  ".join(end.url for end in each.brokers.values()))
                for each in known
            ],
            first_to_go=("BROKERS", "MODE", "ENV"),
        )


@profile.command("show")
@options.profile_argument
@options.rows_option
def show_profile(*, name: str, json_lines: bool) -> None:
    """One profile. Secrets are never shown."""
    output = current_output(json=json_lines)
    with exit_on_error(output):
        from mqtui.profiles.store import ProfileStore

        told = profile_row(ProfileStore().find(name))
        if output.json:
            output.json_line(told)
            return
        for key, value in told.items():
            output.line(f"{key:<12} {value}")


@profile.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--environment", type=click.Choice([each.value for each in Environment]), default=None)
@click.option("--read-only/--no-read-only", default=None, help="No write at all.")
@click.option("--protected/--no-protected", default=None, help="Every write asks for the profile's name.")
@click.option("--password-stdin", is_flag=True, help="Take the password from stdin, or ask; the keyring keeps it.")
@click.option(
    "--replace", "may_replace", is_flag=True, help="An existing profile may get weaker protection, or another URL."
)
@click.option(
    "-o",
    "settings",
    multiple=True,
    type=ConvertedParam("option=value", parse_header),
    help="An option of the broker; of a secret one keyring, env:NAME or command:PROGRAM.",
)
@options.json_option
def add_profile(
    *,
    name: str,
    url: str,
    environment: str | None,
    read_only: bool | None,
    protected: bool | None,
    password_stdin: bool,
    may_replace: bool,
    settings: tuple[tuple[str, str], ...],
    json_lines: bool,
) -> None:
    """Add a profile; a URL of another broker under an existing name is added to it.

    The other options hold for the whole profile.
    """
    output = current_output(json=json_lines)
    with exit_on_error(output):
        from mqtui.cli import profile_add
        from mqtui.profiles.add_broker import ProfileSettings
        from mqtui.profiles.store import ProfileStore

        terms = ProfileSettings(Environment(environment) if environment else None, read_only, protected)
        asked = profile_add.parse_arguments(name, url, settings, terms)
        made = profile_add.add_profile(output, asked, ask_password=password_stdin, may_replace=may_replace)
        if output.json:
            output.json_line(profile_row(made))
        else:
            kept = [slot for slot, source in made.brokers[asked.kind].secrets.items() if source == "keyring"]
            kept += ["password"] if password_stdin else []
            told = ", ".join(dict.fromkeys(kept))
            output.line(f"added {name} to {ProfileStore().path}" + (f"; in the keyring: {told}" if told else ""))


@profile.command("remove")
@options.profile_argument
@click.option("--confirm", metavar="NAME", default="", help="The profile's name once more.")
@options.rows_option
def remove_profile(*, name: str, confirm: str, json_lines: bool) -> None:
    """Remove a profile and its secrets. The name has to be given twice."""
    output = current_output(json=json_lines)
    with exit_on_error(output):
        from mqtui.domain.errors import NeedsConsent
        from mqtui.profiles import secrets
        from mqtui.profiles.keyring_store import NoKeyring
        from mqtui.profiles.store import ProfileStore

        store = ProfileStore()
        found = store.find(name)
        if confirm != name:
            raise NeedsConsent(f"{name} was not removed", "", f"Repeat it with --confirm {name}.")
        store.remove(name)
        note_unfinished(output, name)
        try:
            if secrets.uses_keyring(found):
                secrets.delete_secrets(found)
        except NoKeyring as error:
            output.note(f"▲ its secrets could not be taken out of the keyring: {error.title}")
        if output.json:
            output.json_line({"removed": name})
        else:
            output.line(f"removed {name}")


MOST_RUNS = 1_000
"""Runs that are searched, the newest first."""


def note_unfinished(output: Output, name: str) -> None:
    """Print how many runs began with a profile and can't be resumed until it is added again."""
    from mqtui.domain.errors import StorageFailed
    from mqtui.domain.figure import pluralize
    from mqtui.state.journal import Journal

    try:
        with Journal() as journal:
            listed = journal.list_runs(MOST_RUNS)
    except StorageFailed as error:
        output.note(f"▲ whether runs began with it is unknown: {error.title}")
        return
    began = [record for record in listed if record.profile == name and record.state != "done"]
    if began:
        output.note(
            f"▲ {pluralize(len(began), 'unfinished run')} began with it: add {name} again before `mqtui runs resume`; "
            "its protection holds for them as it was"
        )


@profile.command("use")
@click.argument("target", required=False, default="", shell_complete=options.complete("target"))
@click.option("--none", "clear", is_flag=True, help="No profile is in use.")
@options.rows_option
def use_profile(*, target: str, clear: bool, json_lines: bool) -> None:
    """Use a profile, NAME or NAME/KIND, in commands that name no TARGET; alone: print which one is in use.

    MQTUI_PROFILE goes before it.
    """
    output = current_output(json=json_lines)
    with exit_on_error(output):
        from mqtui.cli.target_command import default_target
        from mqtui.profiles.resolve import find_profile
        from mqtui.profiles.store import ProfileStore

        if clear or target:
            if target:
                find_profile(target)
            ProfileStore().use("" if clear else target)
        used = default_target()
        if output.json:
            output.json_line({"used": used or None})
        else:
            output.line(f"in use: {used}" if used else "no profile is in use")


@profile.command("test")
@options.profile_argument
@options.rows_option
def test_profile(*, name: str, json_lines: bool) -> None:
    """Connect to every broker of a profile and print the version, or the error."""
    output = current_output(json=json_lines)
    run_command(output, lambda: _test(output, name))


async def _test(output: Output, name: str) -> int:
    from mqtui.profiles.store import ProfileStore
    from mqtui.services.connection_steps import describe_steps, failed_step
    from mqtui.services.session import open_session

    worst = DONE
    profile = ProfileStore().find(name.partition("/")[0])
    for kind in profile.brokers:
        if "/" in name and not name.endswith(f"/{kind}"):
            continue
        began, address = perf_counter(), profile.address(kind)
        told: dict[str, Any] = {"profile": name, "broker": kind}
        try:
            async with open_session(name, kind) as session:
                cluster = await session.broker.catalog.describe_cluster()
            told |= {"ok": True, "version": cluster.version, "ms": round((perf_counter() - began) * 1000)}
            words = f"✓ {kind} {cluster.version}, {told['ms']} ms"
        except MqtuiError as error:
            worst = max(worst, exit_code_of(error))
            step = await failed_step(error, address)
            told |= {"ok": False, "failed_step": step, "title": error.title, "detail": error.detail, "hint": error.hint}
            steps = describe_steps(address, step)
            words = "  ".join(part for part in (f"✗ {kind}", steps, error.title, error.detail, error.hint) if part)
        if output.json:
            output.json_line(told)
        else:
            output.line(words)
    return worst


def profile_row(each: Profile) -> dict[str, Any]:
    """A profile as a JSON row; with where its secret is kept, never the secret."""
    from mqtui.profiles.secrets import describe_source

    return {
        "name": each.name,
        "environment": each.environment,
        "mode": _mode(each),
        "allow": sorted(each.allow),
        "deny": sorted(each.deny),
        "prefix": each.prefix,
        "dead_letters": list(each.dead_letters),
        "keys": list(each.keys),
        "decode": {glob: dict(parts) for glob, parts in each.decode.items()},
        "secret": describe_source(each.secret) if each.secret else None,
        "brokers": {kind.value: _endpoint(end) for kind, end in each.brokers.items()},
    }


def _mode(each: Profile) -> str:
    return "read-only" if each.read_only else "protected" if each.protected else ""


def _endpoint(end: BrokerEndpoint) -> dict[str, Any]:
    """One broker; for secret options where they are kept."""
    from mqtui.profiles.secrets import describe_source

    told: dict[str, Any] = {"url": end.url, "options": dict(end.options)}
    kept = {name: describe_source(source) for name, source in end.secrets.items()}
    return told | ({"secrets": kept} if kept else {})
