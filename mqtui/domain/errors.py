"""Errors, each with a title, what happened and what to do.

MqtuiError
├── BadInput              what was asked for can't be read: a position, a header, a URL, a filter
├── NotFound              the named thing does not exist
├── CannotConnect         no conversation with the broker
│   ├── Unreachable       no such host, refused, timed out before the first answer
│   ├── TlsRefused        the certificate or the protocol version was refused
│   ├── NotAuthenticated  the name or the secret was refused
│   └── NoSuchSpace       the broker has no such vhost or database
├── NotAuthorised         a right is missing; the hint names it
├── Refused               mqtui will not do it: policy, price, plan
│   ├── Unsupported       this broker does not offer the verb
│   ├── NeedsConsent      the plan was not agreed to
│   └── Held              another run holds the source (`domain.bulk.FencedDuringMove`: since letters were moved)
├── BrokerTrouble         the broker answered with an error, or died on the way
│   ├── TimedOut          no answer in time; nothing was changed
│   └── ReplyLost         a change was sent and its reply did not come: the outcome is unknown
├── OverBudget            a program of the user's takes too much time or memory
└── StorageFailed         this machine could not keep the journal, the audit or a bundle
"""

from __future__ import annotations


class MqtuiError(Exception):
    """An error for the user. `title` is one line, `detail` says what happened, `hint` what to do."""

    def __init__(self, title: str, detail: str = "", hint: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join(part for part in (self.title, self.detail, self.hint) if part)


class BadInput(MqtuiError):
    """An argument can't be parsed: a position, a header, a URL, a filter."""


class NotFound(MqtuiError):
    """The named thing does not exist."""


class CannotConnect(MqtuiError):
    """The broker can't be reached or refuses the connection."""


class Unreachable(CannotConnect):
    """No such host, connection refused, or timed out before the first answer."""


class TlsRefused(CannotConnect):
    """The certificate or the protocol version was refused."""


class NotAuthenticated(CannotConnect):
    """The user name or the secret was refused."""


class NoSuchSpace(CannotConnect):
    """The broker has no such vhost or database."""


class NotAuthorised(MqtuiError):
    """A permission is missing; the hint names it."""


class Refused(MqtuiError):
    """Mqtui refuses to do it, by policy, peek cost or plan."""


class Unsupported(Refused):
    """This broker does not support the verb."""


class NeedsConsent(Refused):
    """The plan was not confirmed."""


class Held(Refused):
    """Another run holds the lock of the source (K3)."""


class BrokerTrouble(MqtuiError):
    """The broker answered with an error, or the connection was lost."""


class TimedOut(BrokerTrouble):
    """No answer in time; nothing was changed."""


class ReplyLost(BrokerTrouble):
    """A change was sent and its reply did not come: the outcome is unknown."""


class OverBudget(MqtuiError):
    """A jq program of the user takes too much time or memory (C15)."""


class StorageFailed(MqtuiError):
    """The journal, the audit or a bundle could not be written on this machine."""
