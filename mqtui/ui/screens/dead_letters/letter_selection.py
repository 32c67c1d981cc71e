"""Selecting single dead letters for a redrive or a discard, by position."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput
from mqtui.domain.message import Message
from mqtui.domain.redrive import Selection
from mqtui.domain.resource import Ref
from mqtui.services.redrive.request import RedriveRequest

MAX_LETTERS = 200
"""Letters that can be selected one by one; more need a cause or a jq program."""


def redrive_request_for(verb: Verb, source: Ref, letters: Sequence[Message]) -> RedriveRequest:
    """A request for exactly these letters.

    Raises:
        BadInput: there are too many to be named one by one.
    """
    if len(letters) > MAX_LETTERS:
        raise BadInput(
            f"{len(letters):,} letters are too many to be named one by one",
            f"{MAX_LETTERS} can be.",
            "Take their causes.",
        )
    named = ", ".join(f'"{letter.position}"' for letter in letters)
    return RedriveRequest(verb, source, Selection(where=f"$m.position | IN({named})"))
