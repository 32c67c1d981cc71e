"""`mqtui profile add`: parses the arguments, stores the profile, and puts its secrets into the keyring."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

from mqtui.cli.output import Output
from mqtui.domain.errors import BadInput, NotFound, Refused

if TYPE_CHECKING:
    from mqtui.brokers.address import Address
    from mqtui.domain.resource import BrokerKind
    from mqtui.profiles.add_broker import ProfileSettings
    from mqtui.profiles.model import BrokerEndpoint, Profile
    from mqtui.profiles.store import ProfileStore

PROFILE_OPTIONS = ("prefix", "bundle-key", "allow", "deny")
DEAD_LETTERS_OPTION = "dead-letters"
"""The option for names of dead-letter destinations, comma-separated; it may be repeated."""

COMMAND_LINE_IS_VISIBLE = "it was on the command line: other users see it in the process list, and the shell keeps it"


@dataclass(frozen=True, slots=True)
class ProfileArguments:
    """The arguments as typed. `secrets` are values for the keyring, by option; "" is asked for."""

    name: str
    kind: BrokerKind
    endpoint: BrokerEndpoint
    secret: str
    terms: ProfileSettings
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def parse_arguments(
    name: str, url: str, settings: Sequence[tuple[str, str]], terms: ProfileSettings
) -> ProfileArguments:
    """Parse the arguments.

    Raises:
        BadInput: the URL contains a password, or an option is not valid.
    """
    from mqtui.brokers.options import OptionKind
    from mqtui.brokers.registry import traits_of
    from mqtui.profiles.model import BrokerEndpoint, valid_source
    from mqtui.profiles.url import format_url, parse_url

    address, had_password = parse_url(url)
    if had_password:
        raise BadInput(
            "The URL contains a password", "It would be stored in a file.", "Leave it out and add --password-stdin."
        )
    known = traits_of(address.kind).options
    plain: dict[str, str] = {}
    sources: dict[str, str] = {}
    secrets: dict[str, str] = {}
    own: dict[str, str] = {}
    names = [each for key, value in settings if key == DEAD_LETTERS_OPTION for each in value.split(",")]
    for key, value in settings:
        if key == DEAD_LETTERS_OPTION:
            continue
        if key in PROFILE_OPTIONS or key == "secret":
            own[key] = value
            continue
        ours, given = known.translate(key, value)
        if known.kind_of(ours) is not OptionKind.SECRET:
            plain[ours] = given
        elif given != "keyring" and valid_source(given):
            sources[ours] = given
        else:
            sources[ours] = "keyring"
            secrets[ours] = "" if given == "keyring" else given
    terms = replace(
        terms,
        allow=_verbs(own, "allow"),
        deny=_verbs(own, "deny"),
        prefix=own.get("prefix"),
        bundle_key=own.get("bundle-key"),
        dead_letters=tuple(names),
    )
    _check(replace(address, options={**address.options, **plain}))
    endpoint = BrokerEndpoint(format_url(address), plain, sources)
    return ProfileArguments(name, address.kind, endpoint, own.get("secret", ""), terms, secrets)


def _check(address: Address) -> None:
    """Check the options as the first use would, without connecting.

    Raises:
        BadInput: an option's value is not valid, or it needs another option, or TLS, that is not given.
    """
    import asyncio

    from mqtui.brokers.registry import connect

    adapter = connect(address)
    asyncio.run(adapter.close())


def _verbs(own: Mapping[str, str], key: str) -> frozenset[str]:
    return frozenset(own[key].split(",")) if key in own else frozenset()


def add_profile(output: Output, arguments: ProfileArguments, *, ask_password: bool, may_replace: bool) -> Profile:
    """Add the profile, or add the broker to the profile of that name.

    Raises:
        Refused: a profile of that name exists, and this would weaken its protection or replace a broker.
        NoKeyring: a secret can't be stored.
    """
    from mqtui.profiles import secrets
    from mqtui.profiles.add_broker import describe_changes
    from mqtui.profiles.store import ProfileStore

    store = ProfileStore()
    existing = _find_existing(store, arguments.name)
    if ask_password:
        arguments = replace(arguments, secret="keyring")
    made = (
        _new_profile(arguments) if existing is None else _merged_profile(existing, arguments, may_replace=may_replace)
    )
    values = _keyring_values(output, arguments, ask_password=ask_password)
    if values:
        _require_keyring(arguments)
    for name, value in values.items():
        if arguments.secrets.get(name):
            output.note(f"▲ {name} is in the keyring now, but {COMMAND_LINE_IS_VISIBLE}.")
        secrets.store_option(arguments.name, arguments.kind, name, value)
    if existing is None:
        store.add(made)
        return made
    store.replace(made)
    for change in describe_changes(existing, made):
        output.note(f"▲ all of {made.name}: {change}")
    return made


def _find_existing(store: ProfileStore, name: str) -> Profile | None:
    try:
        return store.find(name)
    except NotFound:
        return None


def _new_profile(arguments: ProfileArguments) -> Profile:
    from mqtui.domain.policy import Environment
    from mqtui.profiles.model import Profile

    terms = arguments.terms
    prefix = "mqtui" if terms.prefix is None else terms.prefix
    return Profile(
        arguments.name,
        {arguments.kind: arguments.endpoint},
        Environment.NONE if terms.environment is None else terms.environment,
        bool(terms.read_only),
        bool(terms.protected),
        terms.allow,
        terms.deny,
        prefix,
        dead_letters=terms.dead_letters,
        secret=arguments.secret,
        bundle_key=terms.bundle_key or "",
    )


def _merged_profile(existing: Profile, arguments: ProfileArguments, *, may_replace: bool) -> Profile:
    from mqtui.profiles.add_broker import add_broker, list_weakenings

    against = list(list_weakenings(existing, arguments.terms))
    if arguments.kind in existing.brokers:
        against.insert(0, f"it has a {arguments.kind} already, {existing.brokers[arguments.kind].url}")
    if against and not may_replace:
        raise Refused(
            f"The profile {existing.name} is there, and nothing of it was changed",
            "; ".join(against),
            "Add --replace where that is meant, or choose another name.",
        )
    return add_broker(existing, arguments.kind, arguments.endpoint, arguments.secret, arguments.terms)


def _keyring_values(output: Output, arguments: ProfileArguments, *, ask_password: bool) -> dict[str, str]:
    """Values for the keyring, by option; those that were not typed are asked for, without echo on a terminal."""
    from mqtui.profiles.model import PASSWORD

    wanted = dict(arguments.secrets) | ({PASSWORD: ""} if ask_password else {})
    if any(not value for value in wanted.values()):
        _require_keyring(arguments)
    return {name: value or _read_secret(name) for name, value in wanted.items()}


def _require_keyring(arguments: ProfileArguments) -> None:
    """Check before asking: a secret that can't be stored should not be typed."""
    from mqtui.profiles import keyring_store
    from mqtui.profiles.secrets import variable_of

    try:
        keyring_store.get(arguments.name)
    except keyring_store.NoKeyring as error:
        slots = "".join(f", -o {name}=env:NAME" for name in arguments.secrets)
        hint = f"Or leave it out and set {variable_of(arguments.name)} where it is used{slots}."
        raise keyring_store.NoKeyring(error.title, error.detail, f"{error.hint} {hint}") from None


def _read_secret(name: str) -> str:
    """Read one secret: prompt for it on a terminal, else take a line of stdin."""
    if sys.stdin.isatty():
        value = str(click.prompt(name.capitalize(), hide_input=True, err=True, default="", show_default=False))
    else:
        value = sys.stdin.readline().rstrip("\r\n")
    if not value:
        raise BadInput(f"There is no {name} on stdin")
    return value
