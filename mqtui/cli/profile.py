"""`mqtui profile`."""

from __future__ import annotations

import sys
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from mqtui.cli import options
from mqtui.cli.exits import DONE, code
from mqtui.cli.options import Converted
from mqtui.cli.output import Output, current
from mqtui.cli.running import guarded, run
from mqtui.domain.errors import BadInput, MqtuiError, NotFound
from mqtui.domain.policy import Environment
from mqtui.services.composing import pair

if TYPE_CHECKING:
    from mqtui.profiles.model import Profile

SETTINGS = {"prefix": "prefix", "secret": "secret", "bundle-key": "bundle_key"}
SETS = ("allow", "deny")
NAMES = "dead-letters"
"""Names of dead-letter destinations, a comma between them; given again, more of them."""


@click.group()
def profile() -> None:
    """Named connections. They are kept in a TOML file, their secrets in the keyring."""


@profile.command("list")
@options.as_json
def list_profiles(*, json_lines: bool) -> None:
    """All profiles."""
    output = current(json=json_lines)
    with guarded(output):
        from mqtui.profiles.store import Store

        known = Store().list()
        if output.json:
            for each in known:
                output.json_line(row(each))
            return
        output.table(
            ("NAME", "ENV", "MODE", "BROKERS"),
            [
                (each.name, each.environment, _mode(each), "  ".join(end.url for end in each.brokers.values()))
                for each in known
            ],
        )


@profile.command("show")
@click.argument("name")
@options.as_json
def show_profile(*, name: str, json_lines: bool) -> None:
    """One profile. Secrets are never shown."""
    output = current(json=json_lines)
    with guarded(output):
        from mqtui.profiles.store import Store

        told = row(Store().find(name))
        if output.json:
            output.json_line(told)
            return
        for key, value in told.items():
            output.line(f"{key:<12} {value}")


@profile.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--environment", type=click.Choice([each.value for each in Environment]), default=Environment.NONE.value)
@click.option("--read-only", is_flag=True, help="No write at all.")
@click.option("--protected", is_flag=True, help="Every write asks for the profile's name.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin and keep it in the keyring.")
@click.option("-o", "settings", multiple=True, type=Converted("option=value", pair), help="An option of the broker.")
@options.as_json
def add_profile(
    *,
    name: str,
    url: str,
    environment: str,
    read_only: bool,
    protected: bool,
    password_stdin: bool,
    settings: tuple[tuple[str, str], ...],
    json_lines: bool,
) -> None:
    """Add a profile; a URL of another broker under a name that is there joins it."""
    output = current(json=json_lines)
    with guarded(output):
        secret = sys.stdin.readline().rstrip("\r\n") if password_stdin else ""
        if password_stdin and not secret:
            raise BadInput("There is no password on stdin")
        made = _made(name, url, settings)
        flags: dict[str, Any] = {
            "environment": Environment(environment),
            "read_only": read_only,
            "protected": protected,
        }
        _add(output, made, flags, secret)


def _made(name: str, url: str, settings: tuple[tuple[str, str], ...]) -> Profile:
    """The profile of one URL and its options; a password in the URL is refused.

    Raises:
        BadInput: the URL holds a password, or an option can't be.
    """
    from mqtui.profiles.model import Endpoint, Profile
    from mqtui.profiles.url import parse, written

    address, had_password = parse(url)
    if had_password:
        raise BadInput(
            "The URL holds a password", "It would be kept in a file.", "Leave it out and add --password-stdin."
        )
    own: dict[str, Any] = {SETTINGS[key]: value for key, value in settings if key in SETTINGS}
    own |= {key: frozenset(value.split(",")) for key, value in settings if key in SETS}
    own["dead_letters"] = tuple(each for key, value in settings if key == NAMES for each in value.split(","))
    rest = {key: value for key, value in settings if key not in SETTINGS and key not in (*SETS, NAMES)}
    return Profile(name, {address.kind: Endpoint(written(address), rest)}, **own)


def _add(output: Output, made: Profile, flags: dict[str, Any], secret: str) -> None:
    from mqtui.profiles import secrets
    from mqtui.profiles.store import Store
    from mqtui.profiles.vault import NoKeyring

    store = Store()
    (kind,) = made.brokers
    try:
        there = store.find(made.name)
    except NotFound:
        there = None
    if there is not None and kind in there.brokers:
        raise BadInput(f"The profile {made.name} has a {kind} already", "", f"mqtui profile remove {made.name}")
    if secret:
        try:
            secrets.keep(made.name, secret, kind)
        except NoKeyring as error:
            hint = f"Or leave --password-stdin away and set {secrets.variable_of(made.name)} where it is used."
            raise NoKeyring(error.title, error.detail, f"{error.hint} {hint}") from None
        made = replace(made, secret="keyring")
    if there is None:
        store.add(replace(made, **flags))
    else:
        store.replace(_joined(there, replace(made, **flags)))
    if output.json:
        output.json_line(row(store.find(made.name)))
    else:
        output.line(f"added {made.name} to {store.path}" + (", its password to the keyring" if secret else ""))


def _joined(there: Profile, made: Profile) -> Profile:
    """A profile with one more broker. What was given beside the URL holds for all of it, and never allows more (C17).

    Raises:
        BadInput: it would allow more, or has other terms for all brokers of the profile.
    """
    from mqtui.domain.policy import SEVERITY

    looser = made.allow - there.allow if there.read_only else frozenset()
    for key, more in (("allow", ", ".join(sorted(looser))), ("prefix", made.prefix if made.prefix != "mqtui" else "")):
        if more and more != getattr(there, key):
            raise BadInput(
                f"The profile {there.name} is there with other terms", f"{key} = {more}", "Change it in the file first."
            )
    return replace(
        there,
        brokers={**there.brokers, **made.brokers},
        environment=max(there.environment, made.environment, key=SEVERITY.__getitem__),
        read_only=there.read_only or made.read_only,
        protected=there.protected or made.protected,
        deny=there.deny | made.deny,
        dead_letters=tuple(dict.fromkeys((*there.dead_letters, *made.dead_letters))),
        secret=made.secret or there.secret,
    )


@profile.command("remove")
@click.argument("name")
@click.option("--confirm", metavar="NAME", default="", help="The profile's name once more.")
@options.as_json
def remove_profile(*, name: str, confirm: str, json_lines: bool) -> None:
    """Remove a profile and its secrets. The name is given twice."""
    output = current(json=json_lines)
    with guarded(output):
        from mqtui.domain.errors import NeedsConsent
        from mqtui.profiles import secrets
        from mqtui.profiles.store import Store
        from mqtui.profiles.vault import NoKeyring

        store = Store()
        found = store.find(name)
        if confirm != name:
            raise NeedsConsent(f"{name} was not removed", "", f"Repeat it with --confirm {name}.")
        store.remove(name)
        note_unfinished(output, name)
        try:
            if found.secret == "keyring":
                secrets.forget(name)
        except NoKeyring as error:
            output.note(f"▲ its secrets could not be taken out of the keyring: {error.title}")
        if output.json:
            output.json_line({"removed": name})
        else:
            output.line(f"removed {name}")


MOST_RUNS = 1_000
"""Runs that are looked through, the newest."""


def note_unfinished(output: Output, name: str) -> None:
    """Say which runs began with a profile and can't be resumed until it is there again."""
    from mqtui.domain.errors import StorageFailed
    from mqtui.domain.figure import counted
    from mqtui.state.runs import Runs

    try:
        began = [record for record in Runs().list(MOST_RUNS) if record.profile == name and record.state != "done"]
    except StorageFailed as error:
        output.note(f"▲ runs that began with it are not known: {error.title}")
        return
    if began:
        output.note(
            f"▲ {counted(len(began), 'unfinished run')} began with it: add {name} again before `mqtui runs resume`; "
            "its protection holds for them as it was"
        )


@profile.command("test")
@click.argument("name")
@options.as_json
def test_profile(*, name: str, json_lines: bool) -> None:
    """Connect to every broker of a profile and say how far it came."""
    output = current(json=json_lines)
    run(output, lambda: _test(output, name))


async def _test(output: Output, name: str) -> int:
    from mqtui.profiles.store import Store
    from mqtui.services.session import opened

    worst = DONE
    for kind in Store().find(name.partition("/")[0]).brokers:
        if "/" in name and not name.endswith(f"/{kind}"):
            continue
        began = perf_counter()
        told: dict[str, Any] = {"profile": name, "broker": kind}
        try:
            async with opened(name, kind) as session:
                cluster = await session.broker.catalog.cluster()
            told |= {"ok": True, "version": cluster.version, "ms": round((perf_counter() - began) * 1000)}
            words = f"✓ {kind} {cluster.version}, {told['ms']} ms"
        except MqtuiError as error:
            worst = max(worst, code(error))
            told |= {"ok": False, "title": error.title, "detail": error.detail, "hint": error.hint}
            words = "  ".join(part for part in (f"✗ {kind}", error.title, error.detail, error.hint) if part)
        if output.json:
            output.json_line(told)
        else:
            output.line(words)
    return worst


def row(each: Profile) -> dict[str, Any]:
    """A profile as JSON; where its secret is, never the secret."""
    from mqtui.profiles.secrets import shown_source

    return {
        "name": each.name,
        "environment": each.environment,
        "mode": _mode(each),
        "allow": sorted(each.allow),
        "deny": sorted(each.deny),
        "prefix": each.prefix,
        "dead_letters": list(each.dead_letters),
        "secret": shown_source(each.secret) if each.secret else None,
        "brokers": {kind.value: {"url": end.url, "options": dict(end.options)} for kind, end in each.brokers.items()},
    }


def _mode(each: Profile) -> str:
    return "read-only" if each.read_only else "protected" if each.protected else ""
