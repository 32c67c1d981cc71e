"""Where secrets come from: an environment variable, the keyring, or a command of the profile.

For a profile `prod`: `MQTUI_SECRET_PROD_KAFKA`, then `MQTUI_SECRET_PROD`, then what the profile says. For a URL with a
user and no password: `MQTUI_SECRET_RABBITMQ` (its kind), then the keyring. No error holds a secret.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import replace

from mqtui.brokers.address import Address
from mqtui.domain.errors import NotAuthenticated
from mqtui.domain.resource import BrokerKind
from mqtui.profiles import keyring_store
from mqtui.profiles.model import PASSWORD, Profile
from mqtui.profiles.url import format_url, secret_options

COMMAND_SECONDS = 60.0
GUEST = "guest"
"""RabbitMQ's user of that name has it as its well-known password, on loopback only."""


def secret_of(profile: Profile, kind: BrokerKind) -> str:
    """The secret of one broker of a profile; "" where it needs none.

    Raises:
        NotAuthenticated: it is not where the profile says.
    """
    for variable in (f"{variable_of(profile.name)}_{kind.upper()}", variable_of(profile.name)):
        if variable in os.environ:
            return os.environ[variable]
    endpoint = profile.brokers.get(kind)
    own = endpoint.secrets.get(PASSWORD, "") if endpoint else ""
    source = own or profile.secret
    if not source:
        return GUEST if profile.address(kind).user == GUEST and kind is BrokerKind.RABBITMQ else ""
    found = read_source(source, profile.name, kind, (f"{profile.name}/{kind}", profile.name))
    if found is None:
        raise NotAuthenticated(
            f"There is no secret for {profile.name}/{kind}",
            f"The profile says it is in {describe_source(source)}.",
            f"Put it there, or set {variable_of(profile.name)}.",
        )
    return found


def secrets_of(profile: Profile, kind: BrokerKind) -> dict[str, str]:
    """The secret options of one broker of a profile, by name. A variable of the option's own goes before its source.

    Raises:
        NotAuthenticated: one is not where the profile says.
    """
    endpoint = profile.brokers.get(kind)
    slots = {name: source for name, source in endpoint.secrets.items() if name != PASSWORD} if endpoint else {}
    return {name: _option_of(profile.name, kind, name, source) for name, source in slots.items()}


def _option_of(profile: str, kind: BrokerKind, name: str, source: str) -> str:
    variable = variable_of_option(profile, kind, name)
    if variable in os.environ:
        return os.environ[variable]
    sort, _, rest = source.partition(":")
    if sort == "command":
        return _said_by(rest, profile, kind).decode("utf-8", "replace").rstrip("\r\n")
    found = read_source(source, profile, kind, (option_entry(profile, kind, name),))
    if found is None:
        raise NotAuthenticated(
            f"There is no {name} for {profile}/{kind}",
            f"The profile says it is in {describe_source(source)}.",
            f"Put it there, or set {variable}.",
        )
    return found


def secrets_of_url(address: Address) -> dict[str, str]:
    """The secret options of a URL: each says which environment variable has it.

    Raises:
        NotAuthenticated: there is no such variable.
    """
    found = {}
    for name, source in secret_options(address.kind, address.options).items():
        variable = source.partition(":")[2]
        if variable not in os.environ:
            raise NotAuthenticated(
                f"There is no {name}", f"The URL says it is in {describe_source(source)}.", "Set it."
            )
        found[name] = os.environ[variable]
    return found


def store_option(profile: str, kind: BrokerKind, name: str, secret: str) -> None:
    """Put a secret option into the keyring.

    Raises:
        NoKeyring: it can't be kept.
    """
    keyring_store.put(option_entry(profile, kind, name), secret)


def option_entry(profile: str, kind: BrokerKind, name: str) -> str:
    """The name in the keyring of a secret option; of the password, that of the broker."""
    return f"{profile}/{kind}" if name == PASSWORD else f"{profile}/{kind}/{name}"


def variable_of_option(profile: str, kind: BrokerKind, name: str) -> str:
    """The environment variable with a secret option of a profile."""
    return f"{variable_of(profile)}_{kind.upper()}_{as_variable(name)}"


def secret_of_url(address: Address) -> str:
    """The secret for a URL with a user and no password; "" where none is known."""
    variable = f"MQTUI_SECRET_{address.kind.upper()}"
    if variable in os.environ:
        return os.environ[variable]
    try:
        kept = keyring_store.get(url_entry(address))
    except keyring_store.NoKeyring:
        kept = None
    if kept is None and address.kind is BrokerKind.RABBITMQ and address.user == GUEST:
        return GUEST
    return kept or ""


def store_secret(profile: str, secret: str, kind: BrokerKind | None = None) -> None:
    """Put a profile's secret into the keyring, for one of its brokers or for all.

    Raises:
        NoKeyring: it can't be kept.
    """
    keyring_store.put(f"{profile}/{kind}" if kind else profile, secret)


def store_url_secret(address: Address) -> bool:
    """Put a URL's secret into the keyring, so that its run can be resumed without it; False: there is no keyring."""
    try:
        keyring_store.put(url_entry(address), address.secret)
    except keyring_store.NoKeyring:
        return False
    return True


def url_entry(address: Address) -> str:
    """The name in the keyring of a URL's secret."""
    return f"url:{format_url(replace(address, secret=''))}"


def copy_secrets(profile: Profile, name: str) -> None:
    """Copy what the keyring has of a profile to another name, which it is to have.

    Raises:
        NoKeyring: it can't be asked.
    """
    for entry in _entries(profile):
        if (secret := keyring_store.get(entry)) is not None:
            keyring_store.put(f"{name}{entry.removeprefix(profile.name)}", secret)


def uses_keyring(profile: Profile) -> bool:
    """Whether anything of a profile is in the keyring."""
    slots = [source for endpoint in profile.brokers.values() for source in endpoint.secrets.values()]
    return "keyring" in (profile.secret, *slots)


def delete_secrets(profile: Profile) -> None:
    """Take all of a profile's secrets out of the keyring.

    Raises:
        NoKeyring: it can't be asked.
    """
    for entry in _entries(profile):
        keyring_store.remove(entry)


def _entries(profile: Profile) -> tuple[str, ...]:
    """All names in the keyring that a profile may have something under."""
    slots = [option_entry(profile.name, kind, name) for kind, end in profile.brokers.items() for name in end.secrets]
    return tuple(dict.fromkeys((profile.name, *(f"{profile.name}/{kind}" for kind in BrokerKind), *slots)))


def read_source(source: str, profile: str, kind: BrokerKind | None, entries: tuple[str, ...]) -> str | None:
    """A secret from where a profile says; None where it isn't there. `entries` are names in the keyring to try.

    Raises:
        NotAuthenticated: the keyring or the command fails.
    """
    sort, _, rest = source.partition(":")
    if sort == "env":
        return os.environ.get(rest)
    if sort == "command":
        return run_secret_command(rest, profile, kind)
    try:
        return next((found for entry in entries if (found := keyring_store.get(entry)) is not None), None)
    except keyring_store.NoKeyring as error:
        raise NotAuthenticated(error.title, error.detail, f"{error.hint} Here: {variable_of(profile)}.") from None


def run_secret_command(command: str, profile: str, kind: BrokerKind | None) -> str:
    """The first line a command writes to stdout. No shell; it sees MQTUI_PROFILE and MQTUI_KIND.

    Raises:
        NotAuthenticated: it can't be started, fails, says nothing or takes more than a minute.
    """
    return _said_by(command, profile, kind).splitlines()[0].decode("utf-8", "replace")


def _said_by(command: str, profile: str, kind: BrokerKind | None) -> bytes:
    """What a command writes to stdout; there is something."""
    environment = {**os.environ, "MQTUI_PROFILE": profile, "MQTUI_KIND": kind.value if kind else ""}
    trouble, program = "", ""
    try:
        argv = shlex.split(command)
        program = argv[0]
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            env=environment,
            check=False,
        )
        if done.returncode:
            trouble = f"it ended with {done.returncode}"
        elif not done.stdout.strip():
            trouble = "it wrote nothing"
        else:
            done.stdout.decode("utf-8")
            return done.stdout
    except subprocess.TimeoutExpired:
        trouble = f"it took more than {COMMAND_SECONDS:.0f} s"
    except (OSError, ValueError) as error:
        trouble = error.strerror or "it can't be started" if isinstance(error, OSError) else "it can't be read"
    raise NotAuthenticated(
        f"The command for the secret of {profile} failed",
        f"{program}: {trouble}",
        "Run it in a shell to see why; its output is not shown here.",
    )


def variable_of(profile: str) -> str:
    """The environment variable with the secret of a profile."""
    return f"MQTUI_SECRET_{as_variable(profile)}"


def as_variable(name: str) -> str:
    """A name as part of an environment variable's: capitals, digits and underscores."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def describe_source(source: str) -> str:
    """A source in words, without a command's arguments: they might hold a secret."""
    sort, _, rest = source.partition(":")
    return {"keyring": "the keyring", "env": f"the environment variable {rest}"}.get(sort, "its command")
