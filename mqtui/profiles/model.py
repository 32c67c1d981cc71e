"""Profiles: named brokers, what is allowed on them, and where their secrets are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mqtui.brokers.address import Address
from mqtui.brokers.options import OptionKind
from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import WRITES
from mqtui.domain.destination_names import PARTS, PLACEHOLDERS
from mqtui.domain.errors import BadInput
from mqtui.domain.policy import Environment, Policy
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.url import check_options, parse_url
from mqtui.state.redact import mask_target

if TYPE_CHECKING:
    from mqtui.domain.alert import AlertRule
    from mqtui.profiles.receiver_settings import ReceiverSettings

VERBS = frozenset(
    (
        "demo",
        "ls",
        "peek",
        "tail",
        "search",
        "find",
        "publish",
        "rpc",
        "groups",
        "lag",
        "pending",
        "claim",
        "ack",
        "dlq",
        "redrive",
        "discard",
        "runs",
        "offsets",
        "purge",
        "export",
        "topology",
        "schema",
        "key",
        "profile",
        "doctor",
        "audit",
        "watch",
        "completion",
        "serve",
    )
)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_TEMPLATE_LENGTH, MAX_TEMPLATE_PARTS = 200, 4
"""Bounds of a name template, which is matched with every name of a broker."""
PASSWORD = "password"
"""The key of the password of a broker among its secrets."""

SOURCES = "keyring, env:NAME or command:PROGRAM ARGUMENTS"


class BadProfile(BadInput):
    """An invalid profile; `key` is the wrong setting, as in the file (`kafka.url`)."""

    def __init__(self, key: str, title: str, detail: str = "", hint: str = "") -> None:
        super().__init__(title, detail, hint)
        self.key = key


@dataclass(frozen=True, slots=True)
class BrokerEndpoint:
    """One broker of a profile: its URL without secrets, and further options.

    `secrets` says where secret options are, by name: `keyring`, `env:NAME` or `command:PROGRAM ARGUMENTS`. `password`
    is among them where it is elsewhere than the profile's.
    """

    url: str
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile, with at most one broker of each kind. Every instance is valid.

    `secret` and `bundle_key` say where a secret is: "" (none; for the bundle key the keyring), `keyring`, `env:NAME` or
    `command:PROGRAM ARGUMENTS`.

    Raises:
        BadProfile: a setting is invalid.
    """

    name: str
    brokers: Mapping[BrokerKind, BrokerEndpoint]
    environment: Environment = Environment.NONE
    read_only: bool = False
    protected: bool = False
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    prefix: str = "mqtui"
    secret: str = ""
    bundle_key: str = ""
    dead_letters: tuple[str, ...] = ()
    """Templates of further names of dead-letter destinations, with `{origin}` and `*`."""

    keys: tuple[str, ...] = ()
    """Names of the Fernet keys that open message bodies, beside those of the environment."""

    decode: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """How bodies are encoded: by a glob of destination names, for `key`, `value`, or a field of a Redis entry."""

    alerts: tuple[AlertRule, ...] = ()
    """Rules of what is told as an alert; the usual ones hold beside them."""

    receivers: tuple[ReceiverSettings, ...] = ()
    """Who is told of alerts."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.brokers:
            raise BadProfile("name", f"The profile {self.name} names no broker", "", "Give it a URL.")
        for key, verbs in (("allow", self.allow), ("deny", self.deny)):
            for verb in sorted(verbs - WRITES):
                raise BadProfile(key, f"{verb} is no verb that writes", "", f"They are {', '.join(sorted(WRITES))}.")
        if not PREFIX.fullmatch(self.prefix):
            raise BadProfile("prefix", "The prefix has letters, digits, dots, dashes and underscores only")
        for key, source in (("secret", self.secret), ("bundle_key", self.bundle_key)):
            if source and not valid_source(source):
                raise BadProfile(key, f"{key} does not say where the secret is", "", f"Write {SOURCES}.")
        for template in self.dead_letters:
            _check_template(template)
        for name in self.keys:
            if not NAME.fullmatch(name):
                raise BadProfile("keys", "That is no name of a key", name[:80], "Letters, digits, dots and dashes.")
        for glob, parts in self.decode.items():
            _check_rules(glob, parts)
        for kind, endpoint in self.brokers.items():
            _check_endpoint(kind, endpoint)

    def policy(self) -> Policy:
        """The policy for the write gate."""
        return Policy(
            self.name, self.environment, self.read_only, self.protected, frozenset(self.allow), frozenset(self.deny)
        )

    def address(self, kind: BrokerKind, secret: str = "", secrets: Mapping[str, str] | None = None) -> Address:
        """The address of the broker of that kind, with these secrets.

        Raises:
            BadInput: the profile has none of that kind.
        """
        endpoint = self.brokers.get(kind)
        if endpoint is None:
            has = ", ".join(f"{self.name}/{known}" for known in self.brokers)
            raise BadInput(f"The profile {self.name} has no {kind}", "", f"It has {has}.")
        address, _ = parse_url(endpoint.url)
        options = {**address.options, **check_options(kind, endpoint.options)}
        return replace(address, secret=secret, options=options, secrets=secrets or {}, prefix=self.prefix)


def check_name(name: str) -> None:
    """Check the name of a profile.

    Raises:
        BadProfile: it is a verb of mqtui, or has characters that a target may not have.
    """
    if name in VERBS:
        raise BadProfile("name", f"{name} is a verb of mqtui", "", "Choose another name for the profile.")
    if not NAME.fullmatch(name):
        raise BadProfile(
            "name",
            "That is no name for a profile",
            mask_target(name),
            "Letters, digits, dots, dashes and underscores, 64 at most, beginning with a letter or digit.",
        )


def valid_source(source: str) -> bool:
    """Whether a text says where a secret is."""
    scheme, colon, rest = source.partition(":")
    match scheme:
        case "keyring":
            return not colon
        case "env":
            return VARIABLE.fullmatch(rest) is not None
        case "command":
            return bool(rest.strip())
        case _:
            return False


def _check_template(template: str) -> None:
    if not template.strip() or len(template) > MAX_TEMPLATE_LENGTH or len(PARTS.findall(template)) > MAX_TEMPLATE_PARTS:
        hint = f"{MAX_TEMPLATE_LENGTH} characters at most, and {MAX_TEMPLATE_PARTS} of " + ", ".join(PLACEHOLDERS) + "."
        raise BadProfile("dead_letters", "That is no name of dead-letter destinations", template[:80], hint)
    if template.count("{origin}") > 1:
        raise BadProfile("dead_letters", "A name has one origin", template[:80], "Write {origin} once, * beside it.")


def _check_rules(glob: str, parts: Mapping[str, str]) -> None:
    from mqtui.codecs.codec_table import parse_rule
    from mqtui.codecs.decoded import NotDecoded

    for part, rule in parts.items():
        try:
            parse_rule(rule)
        except NotDecoded as error:
            hint = "As in avro, gzip+json, avro:order.avsc, protobuf:orders.desc#shop.Order, text:latin-1, int64."
            raise BadProfile(f"decode.{glob}.{part}", "That is no way to decode", f"{error}.", hint) from None


def _check_endpoint(kind: BrokerKind, endpoint: BrokerEndpoint) -> None:
    try:
        address, had_password = parse_url(endpoint.url)
    except BadInput as error:
        raise BadProfile(f"{kind}.url", error.title, error.detail, error.hint) from None
    if address.kind is not kind:
        raise BadProfile(f"{kind}.url", f"That URL is one of {address.kind}, not of {kind}")
    if had_password:
        raise BadProfile(
            f"{kind}.url",
            "A profile's URL holds no password",
            "",
            'Take it out, write secret = "keyring" and give it to `mqtui profile add ... --password-stdin`.',
        )
    try:
        check_options(kind, endpoint.options)
    except BadInput as error:
        raise BadProfile(f"{kind}.options", error.title, error.detail, error.hint) from None
    for name, source in endpoint.secrets.items():
        if name != PASSWORD and traits_of(kind).options.kind_of(name) is not OptionKind.SECRET:
            raise BadProfile(f"{kind}.secrets", f"{name} is no option of {kind} that is secret")
        if not valid_source(source):
            raise BadProfile(f"{kind}.secrets", f"{name} does not say where the secret is", "", f"Write {SOURCES}.")
