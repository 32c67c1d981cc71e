"""Values that are encoded by a registered schema before they are published: JSON goes in, framed bodies come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import structs

from mqtui.codecs.encode import encode_framed
from mqtui.codecs.misfit import NotEncoded
from mqtui.domain.errors import BadInput
from mqtui.domain.message import Outgoing
from mqtui.domain.schema import RegisteredSchema, Schema
from mqtui.schemas.registry_client import RegistryClient
from mqtui.services.schema_subjects import SubjectName, ask, join_registered, parse_subject, require_registry
from mqtui.services.session import Session

ENTRY_FIELD = b"value"
"""The field of a Redis entry that is encoded."""


@dataclass(frozen=True, slots=True)
class ValueEncoder:
    """Encodes JSON by one version of a subject. `message` is the name of a Protobuf message, "" the first."""

    schema: Schema
    registered: RegisteredSchema
    message: str = ""

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What a plan says of it."""
        named = f", {self.message}" if self.message else ""
        return [("schema", f"{self.schema.name}, id {self.registered.id}, {self.schema.kind}{named}")]

    def encode(self, value: bytes, what: str = "The value") -> bytes:
        """A value in the registry's frame.

        Raises:
            BadInput: it does not fit; the detail has the path of what does not.
        """
        try:
            return encode_framed(self.schema, self.registered.id, value, self.message)
        except NotEncoded as error:
            title = f"{what} does not fit {self.schema.name}"
            raise BadInput(title, f"{error}.", "`mqtui schema show` prints the schema.") from error

    def encode_message(self, message: Outgoing, line: int) -> Outgoing:
        """A message of a line; one without a value stays as it is.

        Raises:
            BadInput: as `encode`; the title names the line.
        """
        what = f"Line {line}, `value`:"
        if message.fields:
            fields = tuple(
                (name, self.encode(content, what) if name == ENTRY_FIELD else content)
                for name, content in message.fields
            )
            return structs.replace(message, fields=fields)
        return message if message.value is None else structs.replace(message, value=self.encode(message.value, what))


async def load_value_encoder(session: Session, text: str) -> ValueEncoder:
    """The encoder of `SUBJECT[@VERSION][#MESSAGE]`.

    Raises:
        BadInput: it can't be read, or the session names no registry.
        NotFound: there is no such subject or version, or its references lead nowhere.
        MqtuiError: the registry can't be asked.
    """
    subject, _, message = text.partition("#")
    named = parse_subject(subject)
    client = require_registry(session)
    try:
        schema, registered = await ask(client, _reader(named))
        return ValueEncoder(schema, registered, message)
    finally:
        client.close()


def _reader(named: SubjectName) -> Callable[[RegistryClient], tuple[Schema, RegisteredSchema]]:
    return lambda client: join_registered(client, named)
