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
from mqtui.profiles import vault
from mqtui.profiles.model import Profile
from mqtui.profiles.url import written

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
    if not profile.secret:
        return GUEST if profile.address(kind).user == GUEST and kind is BrokerKind.RABBITMQ else ""
    found = from_source(profile.secret, profile.name, kind, (f"{profile.name}/{kind}", profile.name))
    if found is None:
        raise NotAuthenticated(
            f"There is no secret for {profile.name}/{kind}",
            f"The profile says it is in {shown_source(profile.secret)}.",
            f"Put it there, or set {variable_of(profile.name)}.",
        )
    return found


def secret_of_url(address: Address) -> str:
    """The secret for a URL with a user and no password; "" where none is known."""
    variable = f"MQTUI_SECRET_{address.kind.upper()}"
    if variable in os.environ:
        return os.environ[variable]
    try:
        kept = vault.get(url_entry(address))
    except vault.NoKeyring:
        kept = None
    if kept is None and address.kind is BrokerKind.RABBITMQ and address.user == GUEST:
        return GUEST
    return kept or ""


def keep(profile: str, secret: str, kind: BrokerKind | None = None) -> None:
    """Put a profile's secret into the keyring, for one of its brokers or for all.

    Raises:
        NoKeyring: it can't be kept.
    """
    vault.put(f"{profile}/{kind}" if kind else profile, secret)


def keep_for_url(address: Address) -> bool:
    """Put a URL's secret into the keyring, so that its run can be resumed without it; False: there is no keyring."""
    try:
        vault.put(url_entry(address), address.secret)
    except vault.NoKeyring:
        return False
    return True


def url_entry(address: Address) -> str:
    """The name in the keyring of a URL's secret."""
    return f"url:{written(replace(address, secret=''))}"


def forget(profile: str) -> None:
    """Take all of a profile's secrets out of the keyring.

    Raises:
        NoKeyring: it can't be asked.
    """
    for name in (profile, *(f"{profile}/{kind}" for kind in BrokerKind)):
        vault.remove(name)


def from_source(source: str, profile: str, kind: BrokerKind | None, entries: tuple[str, ...]) -> str | None:
    """A secret from where a profile says; None where it isn't there. `entries` are names in the keyring to try.

    Raises:
        NotAuthenticated: the keyring or the command fails.
    """
    sort, _, rest = source.partition(":")
    if sort == "env":
        return os.environ.get(rest)
    if sort == "command":
        return from_command(rest, profile, kind)
    try:
        return next((found for entry in entries if (found := vault.get(entry)) is not None), None)
    except vault.NoKeyring as error:
        raise NotAuthenticated(error.title, error.detail, f"{error.hint} Here: {variable_of(profile)}.") from None


def from_command(command: str, profile: str, kind: BrokerKind | None) -> str:
    """The first line a command writes to stdout. No shell; it sees MQTUI_PROFILE and MQTUI_KIND.

    Raises:
        NotAuthenticated: it can't be started, fails, says nothing or takes more than a minute.
    """
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
            return done.stdout.splitlines()[0].decode("utf-8")
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


def shown_source(source: str) -> str:
    """A source in words, without a command's arguments: they might hold a secret."""
    sort, _, rest = source.partition(":")
    return {"keyring": "the keyring", "env": f"the environment variable {rest}"}.get(sort, "its command")
