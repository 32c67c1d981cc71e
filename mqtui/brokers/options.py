"""What can be set for a broker: each adapter declares its options, and what other programs call them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mqtui.domain.errors import BadInput

VERIFIED = {"none": "no", "verify_none": "no", "optional": "yes", "required": "yes", "verify_peer": "yes"}
SWITCH = {"yes": "yes", "true": "yes", "on": "yes", "1": "yes", "no": "no", "false": "no", "off": "no", "0": "no"}


class Sort(StrEnum):
    """What an option's value is. Only `PLAIN` and `FILE` may be kept in a file, shown or printed."""

    PLAIN = "plain"
    FILE = "file"
    SECRET = "secret"


def setting(values: Mapping[str, str]) -> str:
    """How a person sets options, as part of a hint."""
    given = [f"{name}={value}" for name, value in values.items()]
    return f"Add ?{'&'.join(given)} to the URL, or {' '.join(f'-o {each}' for each in given)} to the profile"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an adapter."""

    name: str
    meaning: str = ""
    sort: Sort = Sort.PLAIN


@dataclass(frozen=True, slots=True)
class Foreign:
    """An option of other programs' URLs. `ours` is what stands for it here; `hint` answers where nothing does."""

    ours: str = ""
    value: Callable[[str], str] = str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Declared:
    """All that an adapter understands."""

    kind: str
    options: Mapping[str, Option]
    foreign: Mapping[str, Foreign]

    def sort(self, name: str) -> Sort | None:
        """What an option's value is; None for one that is not known."""
        option = self.options.get(name)
        return option.sort if option else None

    def translated(self, name: str, value: str) -> tuple[str, str]:
        """An option by our name, whoever's name it came by.

        Raises:
            BadInput: there is no such option, or it is said otherwise here. The value is never repeated.
        """
        if name in self.options:
            return name, value
        known = self.foreign.get(name) or self.foreign.get(name.lower())
        if known is None:
            main = ", ".join(option.name for option in self.options.values() if option.meaning)
            raise BadInput(f"{self.kind} has no option {name}", "", f"It has {main}.")
        if not known.ours:
            raise BadInput(f"The option {name} is said otherwise here", "", known.hint)
        try:
            return known.ours, known.value(value)
        except (ValueError, KeyError):
            raise BadInput(f"The option {name} has no such value", "", f"Here it is {known.ours}.") from None


def declared(kind: str, options: Iterable[Option], foreign: Mapping[str, Foreign]) -> Declared:
    """The declaration of an adapter, with the TLS options every adapter has."""
    known = {option.name: option for option in (*options, *TLS)}
    return Declared(kind, known, {**FOREIGN_TLS, **foreign})


def verified(value: str) -> str:
    """Others' ways to say whether a certificate is to be proved."""
    return {"none": "no", "verify_none": "no", "optional": "yes", "required": "yes", "verify_peer": "yes"}[
        value.lower()
    ]


def switch(value: str) -> str:
    """A switch as `yes` or `no`."""
    return SWITCH[value.lower()]


def opposite(value: str) -> str:
    """A switch that says the contrary of ours."""
    return {"yes": "no", "no": "yes"}[SWITCH[value.lower()]]


def milliseconds(seconds: str) -> str:
    """Seconds, as others count, in milliseconds."""
    return str(round(float(seconds) * 1000))


TLS = (
    Option("tls.ca", "certificates of the authorities to trust, a PEM file", Sort.FILE),
    Option("tls.cert", "the certificate of this client, a PEM file", Sort.FILE),
    Option("tls.key", "the private key of this client, a PEM file", Sort.FILE),
    Option("tls.key-password", "the password of that key", Sort.SECRET),
    Option("tls.server-name", "the name in the broker's certificate, where it is not the URL's"),
    Option("tls.verify", "yes (default), or no: go on without a proof of who answers"),
)

LEFT_OUT = Foreign(hint="It has no use here: leave it out.")
LOGIN = Foreign(hint="The login stands before the host, user@host; its secret comes by --password-stdin or a profile.")
FOREIGN_TLS: Mapping[str, Foreign] = {
    "ssl_ca_certs": Foreign("tls.ca"),
    "ssl_cafile": Foreign("tls.ca"),
    "cacertfile": Foreign("tls.ca"),
    "cafile": Foreign("tls.ca"),
    "ssl_certfile": Foreign("tls.cert"),
    "certfile": Foreign("tls.cert"),
    "ssl_keyfile": Foreign("tls.key"),
    "keyfile": Foreign("tls.key"),
    "ssl_password": Foreign("tls.key-password"),
    "ssl_cert_reqs": Foreign("tls.verify", verified),
    "verify": Foreign("tls.verify", verified),
    "no_verify_ssl": Foreign("tls.verify", opposite),
    "server_name_indication": Foreign("tls.server-name"),
    "ssl_check_hostname": Foreign(
        hint="tls.server-name says which name the certificate has; tls.verify=no proves nothing."
    ),
    "username": LOGIN,
    "user": LOGIN,
    "password": LOGIN,
}
