"""The REST API of a schema registry: Confluent's, which Apicurio, Karapace and Redpanda have too. It blocks."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec
import orjson

from mqtui.domain.errors import BadInput, BrokerTrouble, MqtuiError, NotFound, Refused
from mqtui.domain.schema import IdKind, RegisteredSchema, SchemaKind, SchemaRef, SchemaReference
from mqtui.schemas import registry_errors

if TYPE_CHECKING:
    import httpx2

Form = TypeVar("Form")

SECONDS = 5.0
"""How long a request may take from its beginning to the last byte of its answer."""

MAX_BYTES = 16 * 1024 * 1024
"""The largest answer."""

ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"
KINDS = {"": SchemaKind.AVRO, "AVRO": SchemaKind.AVRO, "PROTOBUF": SchemaKind.PROTOBUF, "JSON": SchemaKind.JSON}
SERIALIZED = {"format": "serialized"}
SOURCE: Mapping[str, str] = {}
"""The forms of a Protobuf schema: its descriptor in base64, which not every registry knows, and its source."""

BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")

LATEST = "latest"
APICURIO = "/apis/ccompat"
"""Where the path of Confluent's API begins at Apicurio."""


class ReferenceRow(msgspec.Struct):
    """A reference as a registry writes it."""

    name: str
    subject: str
    version: int


class SchemaRow(msgspec.Struct):
    """A schema as a registry answers with it."""

    schema: str
    kind: str | None = msgspec.field(default=None, name="schemaType")
    references: list[ReferenceRow] | None = None
    subject: str | None = None
    version: int | None = None
    id: int | None = None


class LevelRow(msgspec.Struct):
    """A compatibility level as a registry answers with it."""

    level: str = msgspec.field(name="compatibilityLevel")


class CheckRow(msgspec.Struct):
    """Whether a schema is compatible, as a registry answers."""

    compatible: bool = msgspec.field(name="is_compatible")
    messages: list[str] | None = None


class SearchedVersion(msgspec.Struct):
    """A version as Apicurio's own API lists it."""

    content_id: int = msgspec.field(name="contentId")


class SearchRow(msgspec.Struct):
    """What Apicurio's own API finds."""

    versions: list[SearchedVersion]


class IdRow(msgspec.Struct):
    """The id of a schema that was registered."""

    id: int


@dataclass(frozen=True, slots=True)
class RegistryAddress:
    """Where a registry is and how to log in. `tls` makes the context of an https URL; it may read files."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    tls: Callable[[], SSLContext] | None = None

    @property
    def who(self) -> str:
        """What is used to log in, for errors."""
        return "the token" if self.token else f"the user {self.user}" if self.user else "requests without login"


class RegistryClient:
    """The API as one user sees it. Nothing is sent before the first request; threads may share it."""

    def __init__(self, address: RegistryAddress) -> None:
        self.url = address.url.rstrip("/")
        self._address = address
        self._client: httpx2.Client | None = None
        self._opening = threading.Lock()

    def find_schema(self, ref: SchemaRef) -> RegisteredSchema:
        """The schema of an id or a GUID, without its subject.

        Raises:
            NotFound: the registry has none, or has no schemas by that kind of id.
            CannotConnect, NotAuthorised, BrokerTrouble: it gives no such answer.
        """
        match ref.kind:
            case IdKind.ID | IdKind.CONTENT_ID:
                return self._read_schema(f"schemas/ids/{ref.id}", str(ref), SERIALIZED)
            case IdKind.GLOBAL_ID:
                return self._read_schema(f"schemas/ids/{self._content_id(ref)}", str(ref), SERIALIZED)
        try:
            return self._read_schema(f"schemas/guids/{ref.id}", str(ref), SERIALIZED)
        except registry_errors.NoSuchPath as error:
            raise NotFound("The schema registry has no schemas by GUID", self.url) from error

    def _content_id(self, ref: SchemaRef) -> int:
        """The content's id of one of Apicurio's global ids: that is the id in Confluent's API."""
        base, found, _ = self.url.partition(APICURIO)
        if not found:
            raise NotFound(f"{ref} is one of Apicurio, and the registry is another one", self.url)
        url, what = f"{base}/apis/registry/v3/search/versions", str(ref)
        rows = self._convert(self._request("GET", url, what, {"globalId": ref.id}, None), SearchRow, what)
        if not rows.versions:
            raise NotFound(f"The schema registry has no {ref}", self.url)
        return rows.versions[0].content_id

    def find_version(
        self, subject: str, version: int | str = LATEST, form: Mapping[str, str] = SERIALIZED
    ) -> RegisteredSchema:
        """A version of a subject, with its id. `form` is `SERIALIZED`, or `SOURCE` for people.

        Raises:
            NotFound: there is none.
            CannotConnect, NotAuthorised, BrokerTrouble: as `find_schema`.
        """
        what = f"{subject} v{version}" if version != LATEST else f"subject {subject}"
        return self._read_schema(f"subjects/{quote_name(subject)}/versions/{version}", what, form)

    def versions_of(self, ref: SchemaRef) -> list[tuple[str, int]]:
        """The subjects and versions that have the schema of an id; none where the registry does not tell.

        Raises:
            CannotConnect, NotAuthorised, BrokerTrouble: as `find_schema`.
        """
        if ref.kind is not IdKind.ID:
            return []
        try:
            rows = self.get(f"schemas/ids/{ref.id}/versions", f"versions of {ref}")
        except NotFound:
            return []
        listed = rows if isinstance(rows, list) else []
        found = [(str(row.get("subject", "")), row.get("version")) for row in listed if isinstance(row, dict)]
        return [(subject, version) for subject, version in found if subject and isinstance(version, int)]

    def list_subjects(self) -> list[str]:
        """The names of all subjects.

        Raises:
            CannotConnect, NotAuthorised, BrokerTrouble: as `find_schema`.
        """
        return self._convert(self.get("subjects", "list of subjects"), list[str], "list of subjects")

    def list_versions(self, subject: str) -> list[int]:
        """The versions of a subject, the oldest first.

        Raises:
            NotFound: there is no such subject.
            CannotConnect, NotAuthorised, BrokerTrouble: as `find_schema`.
        """
        what = f"subject {subject}"
        return self._convert(self.get(f"subjects/{quote_name(subject)}/versions", what), list[int], what)

    def compatibility(self, subject: str) -> str:
        """The level by which new versions are checked, the registry's own where the subject has none.

        Raises:
            CannotConnect, NotAuthorised, BrokerTrouble: as `find_schema`.
        """
        try:
            found = self.get(f"config/{quote_name(subject)}", f"level of {subject}", {"defaultToGlobal": "true"})
        except NotFound:
            found = self.get("config", "level of the registry")
        return self._convert(found, LevelRow, "level").level

    def using_schemas(self, subject: str, version: int) -> list[int]:
        """The ids of the schemas that refer to a version; none where the registry does not tell.

        Raises:
            CannotConnect, NotAuthorised, BrokerTrouble: as `find_schema`.
        """
        path = f"subjects/{quote_name(subject)}/versions/{version}/referencedby"
        try:
            return self._convert(self.get(path, f"users of {subject}"), list[int], "users")
        except NotFound:
            return []

    def check(self, subject: str, schema: RegisteredSchema, versions: str) -> tuple[bool, list[str]]:
        """Whether a schema is compatible with `latest` or with all versions (""), and what does not fit.

        Raises:
            NotFound: there is no such subject.
            BadInput: it is no valid schema.
            CannotConnect, NotAuthorised, BrokerTrouble: as `find_schema`.
        """
        path = f"compatibility/subjects/{quote_name(subject)}/versions/{versions}".rstrip("/")
        answer = self._post(path, f"compatibility of {subject}", {"verbose": "true"}, schema)
        row = self._convert(answer, CheckRow, "compatibility")
        return row.compatible, row.messages or []

    def find_registered(self, subject: str, schema: RegisteredSchema) -> RegisteredSchema | None:
        """The version of a subject that is this schema; None where there is none.

        Raises:
            BadInput: it is no valid schema.
            CannotConnect, NotAuthorised, BrokerTrouble: as `find_schema`.
        """
        try:
            path = f"subjects/{quote_name(subject)}"
            return self._schema(self._post(path, f"schema in {subject}", None, schema), subject)
        except NotFound:
            return None

    def register(self, subject: str, schema: RegisteredSchema) -> int:
        """Register a schema; its id. Only what the write gate hands out calls it.

        Raises:
            Refused: it is not compatible.
            BadInput: it is no valid schema.
            CannotConnect, NotAuthorised, BrokerTrouble: as `find_schema`.
        """
        path = f"subjects/{quote_name(subject)}/versions"
        return self._convert(self._post(path, subject, None, schema), IdRow, subject).id

    def get(self, path: str, what: str, parameters: Mapping[str, str] | None = None) -> Any:
        """The JSON of a path below the registry's URL; errors name `what`.

        Raises:
            NotFound: there is no such thing.
            CannotConnect, NotAuthorised, BrokerTrouble: the registry gives no such answer.
        """
        return self._request("GET", f"{self.url}/{path}", what, parameters, None)

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        with self._opening:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _read_schema(self, path: str, what: str, form: Mapping[str, str]) -> RegisteredSchema:
        """A schema; where it is Protobuf, in the form asked for, if the registry has that.

        Apicurio refuses it, or writes the descriptor's bytes as text, where those that are no text are lost.
        """
        source = self._schema(self.get(path, what), what)
        if source.kind is not SchemaKind.PROTOBUF or not form:
            return source
        try:
            found = self._schema(self.get(path, what, form), what)
        except (BrokerTrouble, NotFound, Refused, BadInput):
            return source
        return found if BASE64.fullmatch(found.text) else source

    def _schema(self, answer: Any, what: str) -> RegisteredSchema:
        row = self._convert(answer, SchemaRow, what)
        kind = KINDS.get((row.kind or "").upper())
        if kind is None:
            raise registry_errors.unknown_kind(what, row.kind or "")
        references = tuple(SchemaReference(each.name, each.subject, each.version) for each in row.references or ())
        return RegisteredSchema(kind, row.schema, references, row.subject or "", row.version or 0, row.id or 0)

    def _convert(self, answer: Any, form: type[Form], what: str) -> Form:
        try:
            return msgspec.convert(answer, form, strict=False)
        except msgspec.ValidationError as error:
            raise registry_errors.not_a_registry(self.url, what, f"its answer is another one ({error})") from error

    def _post(self, path: str, what: str, parameters: Mapping[str, str] | None, schema: RegisteredSchema) -> Any:
        return self._request("POST", f"{self.url}/{path}", what, parameters, _body(schema))

    def _request(
        self, method: str, url: str, what: str, parameters: Mapping[str, str] | None, body: object | None
    ) -> Any:
        import httpx2

        content = None if body is None else orjson.dumps(body)
        try:
            with self._http().stream(method, url, params=dict(parameters or {}), content=content) as response:
                text = self._read(response)
        except httpx2.HTTPError as error:
            raise registry_errors.request_failed(error, self.url, SECONDS) from error
        if not response.is_success:
            raise registry_errors.refused(response, text, what, self.url, self._address.who)
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            kind = response.headers.get("content-type", "").partition(";")[0]
            raise registry_errors.not_a_registry(self.url, what, f"it answers with {kind or 'no JSON'}") from error

    def _read(self, response: httpx2.Response) -> bytes:
        """The body, as far as time and size allow: a time-out of the library begins anew with each byte."""
        until, chunks, size = monotonic() + SECONDS, list[bytes](), 0
        for chunk in response.iter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BYTES:
                raise registry_errors.too_large(self.url, MAX_BYTES)
            if monotonic() > until:
                raise registry_errors.too_slow(self.url, SECONDS)
        return b"".join(chunks)

    def _http(self) -> httpx2.Client:
        """The client. Without TLS its context trusts nobody: httpx2 would load this system's authorities in vain."""
        import httpx2

        with self._opening:
            if self._client is None:
                address, headers = self._address, {"Accept": ACCEPT, "Content-Type": ACCEPT.partition(",")[0]}
                if address.token:
                    headers["Authorization"] = f"Bearer {address.token}"
                self._client = httpx2.Client(
                    auth=(address.user, address.password) if address.user and not address.token else None,
                    headers=headers,
                    timeout=SECONDS,
                    verify=address.tls() if address.tls is not None else SSLContext(PROTOCOL_TLS_CLIENT),
                    trust_env=False,
                )
            return self._client


def _body(schema: RegisteredSchema) -> dict[str, object]:
    """A schema as a registry takes it."""
    references = [{"name": each.name, "subject": each.subject, "version": each.version} for each in schema.references]
    row: dict[str, object] = {"schema": schema.text, "schemaType": schema.kind.upper()}
    return row | ({"references": references} if references else {})


def quote_name(name: str) -> str:
    """A subject as one segment of a URL path."""
    return quote(name, safe="")


def describe(error: MqtuiError) -> str:
    """An error in one sentence, for the report of a record."""
    return f"{error.title}: {error.detail}" if error.detail else error.title
