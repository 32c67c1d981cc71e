"""The names of headers or fields that the newest messages of a destination have."""

from __future__ import annotations

from contextlib import aclosing

from mqtui.domain.policy import Consent
from mqtui.domain.resource import ParsedName, Ref
from mqtui.services import browse
from mqtui.services.session import Session

NEWEST = 50
"""Messages that are looked at."""


async def find_header_names(session: Session, ref: Ref) -> list[str]:
    """The names, the first seen first; none where a look takes messages out.

    Raises:
        MqtuiError: the messages can't be read.
    """
    look = await browse.prepare_peek(session, ParsedName(ref.name, ref.kind), NEWEST, None, None)
    if look.price.lends:
        return []
    names: dict[str, None] = {}
    async with aclosing(browse.peek(session, look, Consent())) as batches:
        async for batch in batches:
            for message in batch:
                names |= dict.fromkeys(name for name, _, _ in message.headers)
                names |= dict.fromkeys(name.decode("utf-8", "replace") for name, _ in message.fields)
    names.pop("value", None)
    return list(names)
