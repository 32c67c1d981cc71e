"""The exit codes of all commands."""

from __future__ import annotations

from mqtui.domain import errors

DONE = 0
INCOMPLETE = 1
USAGE = 2
NO_CONNECTION = 3
REFUSED = 4
INTERRUPTED = 130

EXIT_CODES: tuple[tuple[type[errors.MqtuiError], int], ...] = (
    (errors.BadInput, USAGE),
    (errors.NotFound, INCOMPLETE),
    (errors.CannotConnect, NO_CONNECTION),
    (errors.NotAuthorised, NO_CONNECTION),
    (errors.Refused, REFUSED),
    (errors.TimedOut, NO_CONNECTION),
    (errors.BrokerTrouble, INCOMPLETE),
    (errors.StorageFailed, INCOMPLETE),
    (errors.OverBudget, INCOMPLETE),
)


def exit_code_of(error: errors.MqtuiError) -> int:
    """The exit code of an error."""
    return next((number for kind, number in EXIT_CODES if isinstance(error, kind)), INCOMPLETE)
