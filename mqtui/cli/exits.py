"""Exit codes, in one place (design: the command-line contract)."""

from __future__ import annotations

from mqtui.domain import errors

DONE = 0
NOT_ALL = 1
USAGE = 2
NO_CONNECTION = 3
REFUSED = 4
INTERRUPTED = 130

CODES: tuple[tuple[type[errors.MqtuiError], int], ...] = (
    (errors.BadInput, USAGE),
    (errors.NotFound, NOT_ALL),
    (errors.CannotConnect, NO_CONNECTION),
    (errors.NotAuthorised, NO_CONNECTION),
    (errors.Refused, REFUSED),
    (errors.TimedOut, NO_CONNECTION),
    (errors.BrokerTrouble, NOT_ALL),
    (errors.StorageFailed, NOT_ALL),
    (errors.OverBudget, NOT_ALL),
)


def code(error: errors.MqtuiError) -> int:
    """The exit code of an error."""
    return next((number for kind, number in CODES if isinstance(error, kind)), NOT_ALL)
