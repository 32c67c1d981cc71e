"""Secrets of profiles and URLs: from an environment variable, the keyring, or a command of the profile.

For a profile `prod`: `MQTUI_SECRET_PROD_KAFKA`, then `MQTUI_SECRET_PROD`, then what the profile says. For a URL with a
user and no password: `MQTUI_SECRET_RABBITMQ` (its kind), then the keyring. No error text has a secret.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import replace

from mqtui.brokers.address import Address
from mqtui.brokers.registry import traits_of
from mqtui.domain.errors import NotAuthenticated
from mqtui.domain.resource import BrokerKind
from mqtui.profiles import keyring_store
from mqtui.profiles.model import PASSWORD, Profile
from mqtui.profiles.url import format_url, secret_options

COMMAND_SECONDS = 60.0


def secret_of(profile: Profile, kind: BrokerKind) -> str:
    """The password of one broker of a profile; "" where it needs none.

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
        return _default_password(profile.address(kind))
    found = read_source(source, profile.name, kind, (f"{profile.name}/{kind}", profile.name))
    if found is None:
        raise NotAuthenticated(
            f"There is no secret for {profile.name}/{kind}",
            f"The profile says it is in {describe_source(source)}.",
            f"Put it there, or set {variable_of(profile.name)}.",
        )
    return found


def secrets_of(profile: Profile, kind: BrokerKind) -> dict[str, str]:
    """The secret options of one broker of a profile, by name. The variable of an option has priority over its source.

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
    scheme, _, rest = source.partition(":")
    if scheme == "command":
        return _run_command(rest, profile, kind).decode("utf-8", "replace").rstrip("\r\n")
    found = read_source(source, profile, kind, (option_entry(profile, kind, name),))
    if found is None:
        raise NotAuthenticated(
            f"There is no {name} for {profile}/{kind}",
            f"The profile says it is in {describe_source(source)}.",
            f"Put it there, or set {variable}.",
        )
    return found


def secrets_of_url(address: Address) -> dict[str, str]:
    """The secret options of a URL, from the environment variables that it names.

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
    """Store a secret option in the keyring.

    Raises:
        NoKeyring: it can't be stored.
    """
    keyring_store.put(option_entry(profile, kind, name), secret)


def missing_options(profile: Profile) -> list[tuple[BrokerKind, str]]:
    """The secret options that should be in the keyring and are not there, by broker.

    Raises:
        NoKeyring: it can't be asked.
    """
    wanted = [(kind, name) for kind, end in profile.brokers.items() for name in end.secrets if name != PASSWORD]
    return [
        (kind, name)
        for kind, name in wanted
        if profile.brokers[kind].secrets[name] == "keyring"
        and keyring_store.get(option_entry(profile.name, kind, name)) is None
    ]


def option_entry(profile: str, kind: BrokerKind, name: str) -> str:
    """The keyring entry of a secret option; for the password that of the broker."""
    return f"{profile}/{kind}" if name == PASSWORD else f"{profile}/{kind}/{name}"


def variable_of_option(profile: str, kind: BrokerKind, name: str) -> str:
    """The environment variable for a secret option of a profile."""
    return f"{variable_of(profile)}_{kind.upper()}_{as_variable(name)}"


def secret_of_url(address: Address) -> str:
    """The password for a URL that has a user and no password; "" where none is known."""
    variable = f"MQTUI_SECRET_{address.kind.upper()}"
    if variable in os.environ:
        return os.environ[variable]
    try:
        kept = keyring_store.get(url_entry(address))
    except keyring_store.NoKeyring:
        kept = None
    return _default_password(address) if kept is None else kept


def _default_password(address: Address) -> str:
    """The password of the default login of that kind of broker; "" for another user."""
    default = traits_of(address.kind).url.default_login
    return default if address.user == default else ""


def store_secret(profile: str, secret: str, kind: BrokerKind | None = None) -> None:
    """Store the password of a profile in the keyring, for one of its brokers or for all.

    Raises:
        NoKeyring: it can't be stored.
    """
    keyring_store.put(f"{profile}/{kind}" if kind else profile, secret)


def store_url_secret(address: Address) -> bool:
    """Store the password of a URL in the keyring, so that its run can be resumed without it; False: no keyring."""
    try:
        keyring_store.put(url_entry(address), address.secret)
    except keyring_store.NoKeyring:
        return False
    return True


def url_entry(address: Address) -> str:
    """The keyring entry of the password of a URL."""
    return f"url:{format_url(replace(address, secret=''))}"


def copy_secrets(profile: Profile, name: str) -> None:
    """Copy the keyring entries of a profile to its new name.

    Raises:
        NoKeyring: it can't be asked.
    """
    for entry in _entries(profile):
        if (secret := keyring_store.get(entry)) is not None:
            keyring_store.put(f"{name}{entry.removeprefix(profile.name)}", secret)


def uses_keyring(profile: Profile) -> bool:
    """Whether a profile has a secret in the keyring."""
    slots = [source for endpoint in profile.brokers.values() for source in endpoint.secrets.values()]
    return "keyring" in (profile.secret, *slots)


def delete_secrets(profile: Profile) -> None:
    """Delete all secrets of a profile from the keyring.

    Raises:
        NoKeyring: it can't be asked.
    """
    for entry in _entries(profile):
        keyring_store.remove(entry)


def _entries(profile: Profile) -> tuple[str, ...]:
    """All keyring entries that a profile may have."""
    slots = [option_entry(profile.name, kind, name) for kind, end in profile.brokers.items() for name in end.secrets]
    return tuple(dict.fromkeys((profile.name, *(f"{profile.name}/{kind}" for kind in BrokerKind), *slots)))


def read_source(source: str, profile: str, kind: BrokerKind | None, entries: tuple[str, ...]) -> str | None:
    """The secret at a source; None where it isn't there. `entries` are the keyring entries to try.

    Raises:
        NotAuthenticated: the keyring or the command fails.
    """
    scheme, _, rest = source.partition(":")
    if scheme == "env":
        return os.environ.get(rest)
    if scheme == "command":
        return run_secret_command(rest, profile, kind)
    try:
        return next((found for entry in entries if (found := keyring_store.get(entry)) is not None), None)
    except keyring_store.NoKeyring as error:
        raise NotAuthenticated(error.title, error.detail, f"{error.hint} Here: {variable_of(profile)}.") from None


def run_secret_command(command: str, profile: str, kind: BrokerKind | None) -> str:
    """The first line that a command writes to stdout. It runs without a shell, with MQTUI_PROFILE and MQTUI_KIND set.

    Raises:
        NotAuthenticated: it can't be started, fails, writes nothing or takes more than a minute.
    """
    return _run_command(command, profile, kind).splitlines()[0].decode("utf-8", "replace")


def _run_command(command: str, profile: str, kind: BrokerKind | None) -> bytes:
    """The non-empty output of a command."""
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
    """The environment variable for the password of a profile."""
    return f"MQTUI_SECRET_{as_variable(profile)}"


def as_variable(name: str) -> str:
    """A name as part of the name of an environment variable: capitals, digits and underscores."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def describe_source(source: str) -> str:
    """A source as text, without the arguments of a command, which may have a secret."""
    scheme, _, rest = source.partition(":")
    return {"keyring": "the keyring", "env": f"the environment variable {rest}"}.get(scheme, "its command")
