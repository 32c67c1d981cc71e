"""Connection options: how an adapter declares its own, and what other clients call the same thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from mqtui.domain.errors import BadInput

TLS_VERIFY = {"none": "no", "verify_none": "no", "optional": "yes", "required": "yes", "verify_peer": "yes"}
"""Values of other clients' options for certificate verification, as `tls.verify` has them."""

YES_NO = {"yes": "yes", "true": "yes", "on": "yes", "1": "yes", "no": "no", "false": "no", "off": "no", "0": "no"}


class OptionKind(StrEnum):
    """The kind of an option's value. Only `PLAIN` and `FILE` values may be written to a file, shown or printed."""

    PLAIN = "plain"
    FILE = "file"
    SECRET = "secret"


def hint_to_set(values: Mapping[str, str]) -> str:
    """Instructions to set these options, for the hint of an error."""
    given = [f"{name}={value}" for name, value in values.items()]
    return f"Add ?{'&'.join(given)} to the URL, or {' '.join(f'-o {each}' for each in given)} to the profile"


class Section(StrEnum):
    """The part of a form or manual that an option stands in."""

    CONNECTION = "connection"
    LOGIN = "login"
    TLS = "TLS"
    WRITES = "writes"
    SCHEMAS = "schema registry"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an adapter. Those with a `meaning` are offered; `choices` are its usual values."""

    name: str
    meaning: str = ""
    kind: OptionKind = OptionKind.PLAIN
    section: Section = Section.CONNECTION
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignOption:
    """An option in the URLs of other clients: `our_name` is the same option here, `convert` gives its value here.

    Where there is no such option here, `our_name` is empty and `hint` says what to do instead.
    """

    our_name: str = ""
    convert: Callable[[str], str] = str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class DeclaredOptions:
    """All options of an adapter, and those of other clients that it understands. `broker` is its name for people."""

    broker: str
    options: Mapping[str, Option]
    foreign: Mapping[str, ForeignOption]

    def by_section(self) -> dict[Section, list[Option]]:
        """The options that are offered, in the order of the sections."""
        offered = [option for option in self.options.values() if option.meaning]
        found = {section: [option for option in offered if option.section is section] for section in Section}
        return {section: options for section, options in found.items() if options}

    def kind_of(self, name: str) -> OptionKind | None:
        """The kind of an option's value; None for an unknown option."""
        option = self.options.get(name)
        return option.kind if option else None

    def translate(self, name: str, value: str) -> tuple[str, str]:
        """The name and value of an option here, whether it was given by our name or by another client's.

        Raises:
            BadInput: there is no such option, or it has no counterpart here. The text never contains the value.
        """
        if name in self.options:
            return name, value
        known = self.foreign.get(name) or self.foreign.get(name.lower())
        if known is None:
            main = ", ".join(option.name for option in self.options.values() if option.meaning)
            raise BadInput(f"{self.broker} has no option {name}", "", f"It has {main}.")
        if not known.our_name:
            raise BadInput(f"The option {name} is given in another way here", "", known.hint)
        try:
            return known.our_name, known.convert(value)
        except (ValueError, KeyError):
            raise BadInput(f"The option {name} has no such value", "", f"Here it is {known.our_name}.") from None


def declare_options(broker: str, options: Iterable[Option], foreign: Mapping[str, ForeignOption]) -> DeclaredOptions:
    """The options of an adapter, together with those of TLS and of the schema registry, which every adapter has."""
    known = {option.name: option for option in (*options, *TLS, *REGISTRY)}
    return DeclaredOptions(broker, known, {**FOREIGN_TLS, **FOREIGN_REGISTRY, **foreign})


def as_tls_verify(value: str) -> str:
    """The value of another client's option for certificate verification, as `tls.verify` has it."""
    return TLS_VERIFY[value.lower()]


def as_yes_no(value: str) -> str:
    """A boolean option as `yes` or `no`."""
    return YES_NO[value.lower()]


def as_inverted_yes_no(value: str) -> str:
    """A boolean option whose meaning is the opposite of ours."""
    return {"yes": "no", "no": "yes"}[YES_NO[value.lower()]]


def seconds_to_ms(seconds: str) -> str:
    """A number of seconds as milliseconds."""
    return str(round(float(seconds) * 1000))


TLS = (
    Option("tls.ca", "certificates of the authorities to trust, a PEM file", OptionKind.FILE, Section.TLS),
    Option("tls.cert", "the certificate of this client, a PEM file", OptionKind.FILE, Section.TLS),
    Option("tls.key", "the private key of this client, a PEM file", OptionKind.FILE, Section.TLS),
    Option("tls.key-password", "the password of that key", OptionKind.SECRET, Section.TLS),
    Option("tls.server-name", "the name in the broker's certificate, where it is not the URL's", section=Section.TLS),
    Option(
        "tls.verify", "yes (default), or no: skip certificate verification", section=Section.TLS, choices=("yes", "no")
    ),
)

REGISTRY_URL = "schema.registry"
REGISTRY_PREFIX = f"{REGISTRY_URL}."
REGISTRY = (
    Option(REGISTRY_URL, "the schema registry: http://host:8081", section=Section.SCHEMAS),
    Option(f"{REGISTRY_PREFIX}user", "its user", section=Section.SCHEMAS),
    Option(f"{REGISTRY_PREFIX}password", "the password of that user", OptionKind.SECRET, Section.SCHEMAS),
    Option(f"{REGISTRY_PREFIX}token", "a bearer token instead of a user", OptionKind.SECRET, Section.SCHEMAS),
    *(replace(each, name=f"{REGISTRY_PREFIX}{each.name}", meaning="", section=Section.SCHEMAS) for each in TLS),
)
"""The options of a broker's schema registry. Its TLS has options of its own: `schema.registry.tls.ca`."""

NOT_APPLICABLE = ForeignOption(hint="It has no use here: leave it out.")
LOGIN_IN_URL = ForeignOption(
    hint="Write the user before the host, user@host; give the password by --password-stdin or a profile."
)
FOREIGN_TLS: Mapping[str, ForeignOption] = {
    "ssl_ca_certs": ForeignOption("tls.ca"),
    "ssl_cafile": ForeignOption("tls.ca"),
    "cacertfile": ForeignOption("tls.ca"),
    "cafile": ForeignOption("tls.ca"),
    "ssl_certfile": ForeignOption("tls.cert"),
    "certfile": ForeignOption("tls.cert"),
    "ssl_keyfile": ForeignOption("tls.key"),
    "keyfile": ForeignOption("tls.key"),
    "ssl_password": ForeignOption("tls.key-password"),
    "ssl_cert_reqs": ForeignOption("tls.verify", as_tls_verify),
    "verify": ForeignOption("tls.verify", as_tls_verify),
    "no_verify_ssl": ForeignOption("tls.verify", as_inverted_yes_no),
    "server_name_indication": ForeignOption("tls.server-name"),
    "ssl_check_hostname": ForeignOption(
        hint="tls.server-name is the name in the certificate; tls.verify=no skips verification."
    ),
    "username": LOGIN_IN_URL,
    "user": LOGIN_IN_URL,
    "password": LOGIN_IN_URL,
}
REGISTRY_LOGIN = ForeignOption(
    hint="Write schema.registry.user=NAME, and schema.registry.password=keyring to the profile."
)
FOREIGN_REGISTRY: Mapping[str, ForeignOption] = {
    "schema.registry.url": ForeignOption(REGISTRY_URL),
    "schema.registry.basic.auth.user.info": REGISTRY_LOGIN,
    "basic.auth.user.info": REGISTRY_LOGIN,
    "bearer.auth.token": ForeignOption(hint="Write schema.registry.token=keyring to the profile."),
}
