"""Hits as JSON lines: a message line, and where it was found, in which part, and who has read it."""

from __future__ import annotations

from mqtui.services.find.hit import Hit, MessageReader
from mqtui.services.jsonlines import Json, dump, name_or_base64, to_json


def hit_line(hit: Hit) -> bytes:
    """One hit as one line, without its line end. `read_by` is null where it is not known, and `why` says why."""
    row: Json = {
        "target": name_or_base64(hit.session.target),
        "broker": hit.broker.value,
        "place": name_or_base64(hit.place),
        "in": [name_or_base64(part) for part in hit.found_in],
        "read_by": None if hit.readers is None else [_reader_row(reader) for reader in hit.readers],
    }
    if hit.readers is None and hit.why:
        row["why"] = hit.why
    return dump(row)[:-1] + b"," + to_json(hit.message)[1:]


def _reader_row(reader: MessageReader) -> Json:
    row: Json = {"group": name_or_base64(reader.group), "state": reader.state.value}
    if reader.at:
        row["committed"] = reader.at
    if reader.consumer:
        row |= {"consumer": name_or_base64(reader.consumer), "idle_ms": reader.idle_ms}
    return row
