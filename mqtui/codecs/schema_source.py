"""Where the codecs get schemas from. They read no file and no registry themselves."""

from __future__ import annotations

from typing import Protocol

from mqtui.domain.schema import Schema, SchemaNotFound, SchemaRef


class SchemaSource(Protocol):
    """Finds schemas. It answers at once: whatever has to be fetched is fetched before."""

    def find(self, ref: SchemaRef) -> Schema:
        """The schema of that id or file.

        Raises:
            SchemaNotFound: there is none, with the reason.
        """


class NoSchemas:
    """A source without schemas."""

    def find(self, ref: SchemaRef) -> Schema:
        """No schema."""
        raise SchemaNotFound(f"{ref} is needed, and no registry or file is given")


NO_SCHEMAS = NoSchemas()
