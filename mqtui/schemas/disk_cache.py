"""Schemas on this machine's disk, by the registry and the id they came from. An id never means another schema."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from mqtui.domain.schema import Schema, SchemaRef


class SchemaCache:
    """The schemas of one registry, a file each. A folder that can't be used costs the cache only. It blocks."""

    def __init__(self, folder: Path, url: str) -> None:
        """Keep them below `folder`, apart from those of other registries."""
        self._folder = folder / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]

    def read(self, ref: SchemaRef) -> Schema | None:
        """The schema of an id; None where it is not there, or the file is damaged."""
        try:
            return msgspec.json.decode(self._path(ref).read_bytes(), type=Schema)
        except (OSError, msgspec.MsgspecError, UnicodeError):
            return None

    def write(self, ref: SchemaRef, schema: Schema) -> None:
        """Keep a schema. Another process never reads half of it."""
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, scratch = tempfile.mkstemp(dir=self._folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.encode(schema))
                Path(scratch).replace(self._path(ref))
            except OSError:
                Path(scratch).unlink(missing_ok=True)
                raise

    def _path(self, ref: SchemaRef) -> Path:
        return self._folder / f"{ref.kind}-{ref.id}.json"
