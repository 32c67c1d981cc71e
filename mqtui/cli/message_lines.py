"""Prints messages: as JSON lines, or as one readable line each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mqtui.cli.output import Output
from mqtui.domain.printable import printable

if TYPE_CHECKING:
    from mqtui.brokers.port import Batch
    from mqtui.codecs.decoded import Decoded
    from mqtui.domain.message import Message
    from mqtui.services.decoding import Decoder
    from mqtui.services.session import Session

WIDTH = 100
BREAKS = re.compile(r"[\t\n\r]")


async def print_messages(output: Output, batch: Batch, decoder: Decoder | None = None, *, names: bool = False) -> None:
    """Print all messages of a batch; with a decoder decoded, with `names` each after that of its destination."""
    if output.json:
        from mqtui.services.jsonlines import encode_lines

        for line in await encode_lines(batch, decoder):
            output.raw(line)
        return
    if decoder is None:
        for message in batch:
            _print(output, message, None, None, names=names)
        return
    from mqtui.services.decode_batch import decode_each, decode_keys

    values, keys = await decode_each(decoder, batch), await decode_keys(decoder, batch)
    for message, value, key in zip(batch, values, keys, strict=True):
        _print(output, message, value, key, names=names)


def _print(output: Output, message: Message, value: Decoded | None, key: Decoded | None, *, names: bool) -> None:
    line = message_line(message, value, key)
    output.row(f"{message.resource.name}  {line}" if names else line)


def message_line(message: Message, decoded: Decoded | None = None, decoded_key: Decoded | None = None) -> str:
    """One line: position, time, key and the beginning of the value; of what is decoded, its codec too."""
    from mqtui.domain.message import Delivery
    from mqtui.domain.times import format_time

    place = message.envelope.routing_key if message.envelope else str(message.position)
    if isinstance(message.position, Delivery) and message.envelope:
        left = message.envelope.left
        place = f"{message.envelope.exchange or '(default)'} {place}" + (f" [{left} left]" if left.known else "")
    parts = [place]
    if message.timestamp is not None:
        parts.append(format_time(message.timestamp, "%Y-%m-%d %H:%M:%S"))
    if message.key is not None:
        parts.append(readable_text(message.key if decoded_key is None else decoded_key.text))
    if decoded is not None and (message.fields or message.value is not None):
        parts.append(decoded_text(decoded))
    elif message.fields:
        parts.append(" ".join(f"{readable_text(name)}={readable_text(value)}" for name, value in message.fields))
    else:
        parts.append("(no value)" if message.value is None else readable_text(message.value))
    return "  ".join(parts)


def decoded_text(found: Decoded | None) -> str:
    """Codec, schema and the beginning of a decoded value; "" for none."""
    if found is None:
        return ""
    return f"[{' '.join(filter(None, (found.codec, found.schema)))}]  {readable_text(found.text)}"


def readable_text(raw: bytes) -> str:
    """Text on one line, shortened where it is long; hex where it is not text."""
    try:
        text = raw[: WIDTH * 4].decode()
    except UnicodeDecodeError as error:
        text = raw[: error.start].decode() if error.start >= WIDTH else raw[: WIDTH // 3].hex(" ")
    text = printable(BREAKS.sub(" ", text))
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


async def load_message_decoder(output: Output, session: Session) -> Decoder:
    """The decoder for `--decode`; keys and schema files that can't be had are noted."""
    from mqtui.services.decoding import load_decoder

    decoder = await load_decoder(session.profile, session.address)
    output.warn(decoder.problems)
    return decoder
