"""What a search looks for: conditions that all have to hold, and where."""

from __future__ import annotations

import msgspec

from mqtui.domain.errors import BadInput

DEFAULT_LIMIT = 100
PROGRAM_BEGINNINGS = (".", "select", "$m", "(", "[")
"""What a jq program begins with; a name of a destination that does is written with its kind."""


class SearchQuery(msgspec.Struct, frozen=True):
    """Conditions on a message. Times are ms since the epoch, `until` exclusive; empty ones hold for each message."""

    program: str = ""
    """jq, on the decoded value; `$m` is the message."""

    grep: str = ""
    """A regular expression on the value as text, decoded where it is encoded."""

    key: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Names and the expressions that their values match."""

    since: int | None = None
    until: int | None = None
    partition: int | None = None

    @property
    def looks_into_values(self) -> bool:
        """Whether values are decoded."""
        return bool(self.program or self.grep)

    @property
    def is_timed(self) -> bool:
        """Whether messages of some time are wanted only."""
        return self.since is not None or self.until is not None

    def require_condition(self) -> None:
        """Check that something is looked for.

        Raises:
            BadInput: nothing is.
        """
        if not (self.looks_into_values or self.key or self.headers or self.is_timed):
            raise BadInput(
                "Search for what?", "", "Give a jq program (.total > 100), --grep, --key, --header, --from or --until."
            )


def is_program(word: str) -> bool:
    """Whether a word is a jq program rather than the name of a destination."""
    return word.startswith(PROGRAM_BEGINNINGS)


def parse_header(text: str) -> tuple[str, str]:
    """Name and expression of `NAME=RE`.

    Raises:
        BadInput: there is no name.
    """
    name, sign, expression = text.partition("=")
    if not name or not sign:
        raise BadInput(f"Not a header: {text!r}", "", "Write NAME=RE; NAME= asks for any value.")
    return name, expression
