"""Subjects of the schema registry: what is registered, who uses it, and what differs between two versions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TypeVar

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.options import REGISTRY_URL, hint_to_set
from mqtui.domain.errors import BadInput, MqtuiError, NotFound
from mqtui.domain.resource import Ref
from mqtui.domain.schema import RegisteredSchema, Schema, SchemaNotFound
from mqtui.schemas.local_files import read_definition
from mqtui.schemas.outline import SchemaChange, compare
from mqtui.schemas.references import join_references
from mqtui.schemas.registry_client import LATEST, SERIALIZED, SOURCE, RegistryClient, describe
from mqtui.services.schema_registry import open_client
from mqtui.services.session import Session

AT_ONCE = 8
"""Requests to a registry at once."""

PARTS = {"-value": "value", "-key": "key"}
"""How the subject of a topic's values or keys ends, where subjects are named after topics."""

EITHER_PART = "key or value"
FULL_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
"""The full name of a record, which Confluent's record name strategies put into subjects."""

NOT_NAMED_AFTER_TOPIC = "only messages tell who uses it: the subject is named after its record alone"

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class SubjectName:
    """A subject and a version as typed: `orders-value`, `orders-value@3`."""

    subject: str
    version: int | str = LATEST


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject. What could not be asked is empty or None, and `why` says why.

    `schema` is the version asked for, else the newest. `used_by` has the destinations that it is named after, and where
    one subject is asked for, the groups that read them and the schemas that refer to it.
    """

    name: str
    versions: tuple[int, ...] = ()
    schema: RegisteredSchema | None = None
    compatibility: str = ""
    used_by: tuple[str, ...] = ()
    why: str = ""


def parse_subject(text: str) -> SubjectName:
    """Parse `SUBJECT[@VERSION]`.

    Raises:
        BadInput: the subject has no name.
    """
    subject, at, version = text.rpartition("@")
    if at and subject and (version.isdecimal() or version == LATEST):
        return SubjectName(subject, int(version) if version.isdecimal() else LATEST)
    if not text:
        raise BadInput("A subject has a name", "", "Write it as orders-value, or orders-value@3.")
    return SubjectName(text)


def require_registry(session: Session) -> RegistryClient:
    """A client of the session's registry.

    Raises:
        BadInput: it names none.
    """
    found = open_client(session.address)
    if found is None:
        hint = f"{hint_to_set({REGISTRY_URL: 'http://host:8081'})}."
        raise BadInput(f"{session.target} names no schema registry", "", hint)
    return found


async def ask(client: RegistryClient, work: Callable[[RegistryClient], Answer]) -> Answer:
    """What a blocking question to the registry gives.

    Raises:
        MqtuiError: as the client; NotFound where references lead nowhere.
    """
    try:
        return await run_in_thread("registry", partial(work, client))
    except SchemaNotFound as error:
        raise NotFound("The schema can't be used", f"{error}.") from error


async def list_subjects(session: Session, pattern: str = "") -> list[Subject]:
    """All subjects, or those whose names match a glob, sorted by name.

    Raises:
        BadInput: the session names no registry.
        MqtuiError: the registry can't be asked.
    """
    client = require_registry(session)
    try:
        names = sorted(await ask(client, RegistryClient.list_subjects))
        wanted = [name for name in names if not pattern or fnmatchcase(name, pattern)]
        there, why = await _destination_names(session)
        gate = asyncio.Semaphore(AT_ONCE)

        async def read(name: str) -> Subject:
            async with gate:
                return await run_in_thread("registry", partial(_read_subject, client, SubjectName(name), there, why))

        return list(await asyncio.gather(*map(read, wanted)))
    finally:
        client.close()


def _read_subject(client: RegistryClient, named: SubjectName, there: Sequence[Ref], why: str) -> Subject:
    """A subject with its newest version; what can't be asked is left out, with the reason."""
    try:
        versions = tuple(client.list_versions(named.subject))
        schema = client.find_version(named.subject, named.version, SOURCE)
        level = client.compatibility(named.subject)
    except MqtuiError as error:
        return Subject(named.subject, why=describe(error))
    users = _named_after(schema, named.subject, there)
    why = why or (NOT_NAMED_AFTER_TOPIC if users is None else "")
    used_by = tuple(f"{ref} ({part})" for ref, part in users or ())
    return Subject(named.subject, versions, schema, level, used_by, why)


async def find_subject(session: Session, named: SubjectName) -> Subject:
    """One version of a subject, with all who are known to use it.

    Raises:
        BadInput: the session names no registry.
        NotFound: there is no such subject or version.
        MqtuiError: the registry can't be asked.
    """
    client = require_registry(session)
    try:
        schema = await ask(client, lambda asked: asked.find_version(named.subject, named.version, SOURCE))
        there, why = await _destination_names(session)
        found = await run_in_thread("registry", partial(_read_subject, client, named, there, why))
        used_by = [*found.used_by]
        for ref, _ in _named_after(schema, named.subject, there) or ():
            with suppress(MqtuiError):
                groups = await session.broker.groups.list_groups(ref)
                used_by += [f"{group.ref}" for group in groups]
        with suppress(MqtuiError):
            used_by += await ask(client, lambda asked: _using_subjects(asked, named.subject, schema.version))
        return Subject(named.subject, found.versions, schema, found.compatibility, tuple(used_by), found.why)
    finally:
        client.close()


def _using_subjects(client: RegistryClient, subject: str, version: int) -> list[str]:
    """The subjects and versions that refer to one."""
    from mqtui.domain.schema import IdKind, SchemaRef

    found: list[str] = []
    for number in client.using_schemas(subject, version):
        held = client.versions_of(SchemaRef(IdKind.ID, str(number)))
        found += [f"schema {name} v{each}" for name, each in held] or [f"schema id {number}"]
    return found


async def _destination_names(session: Session) -> tuple[list[Ref], str]:
    """All destinations of the broker; why there are none where it can't be asked."""
    found: dict[Ref, None] = {}
    try:
        async for page in session.broker.catalog.list_destinations():
            found.update(dict.fromkeys(row.ref for row in page.items))
    except MqtuiError as error:
        return [], f"who uses it: {error.title}"
    return list(found), ""


def _named_after(schema: RegisteredSchema, subject: str, there: Iterable[Ref]) -> list[tuple[Ref, str]] | None:
    """The destinations that a subject is named after, and what it is of theirs; None where its name tells nothing.

    It is `TOPIC-key`, `TOPIC-value`, or `TOPIC-RECORD`: then the topic whose name is the longest that fits.
    """
    for ending, part in PARTS.items():
        if subject.endswith(ending):
            name = subject.removesuffix(ending)
            return [(ref, part) for ref in there if ref.name == name]
    names = {ref.name for ref in there if subject.startswith(f"{ref.name}-")}
    topic = max(names, key=len, default="")
    record = subject[len(topic) + 1 :]
    if not topic or not (FULL_NAME.fullmatch(record) and record.rpartition(".")[2] in schema.text):
        return None
    return [(ref, EITHER_PART) for ref in there if ref.name == topic]


def join_local(client: RegistryClient, definition: RegisteredSchema, name: str) -> Schema:
    """The schema of a file with the registered ones that it refers to. It blocks.

    Raises:
        SchemaNotFound: it can't be used.
        MqtuiError: the registry can't be asked.
    """
    return join_references(definition, name, lambda each: client.find_version(each.subject, each.version, SOURCE))


def read_version(client: RegistryClient, named: SubjectName) -> Schema:
    """A registered version with all that it refers to. It blocks.

    Raises:
        NotFound: there is none.
        SchemaNotFound: its references lead nowhere.
        MqtuiError: the registry can't be asked.
    """
    return join_registered(client, named)[0]


async def read_schema(session: Session, named: SubjectName) -> Schema:
    """A registered version with all that it refers to.

    Raises:
        BadInput: the session names no registry.
        NotFound: there is no such version, or its references lead nowhere.
        MqtuiError: the registry can't be asked.
    """
    client = require_registry(session)
    try:
        return await ask(client, lambda asked: read_version(asked, named))
    finally:
        client.close()


def join_registered(client: RegistryClient, named: SubjectName) -> tuple[Schema, RegisteredSchema]:
    """The same, with what the registry says of it. It blocks.

    Raises:
        NotFound, SchemaNotFound, MqtuiError: as `read_version`.
    """
    found = client.find_version(named.subject, named.version, SERIALIZED)
    name = f"{named.subject} v{found.version}"
    return join_references(found, name, lambda each: client.find_version(each.subject, each.version)), found


async def diff_versions(session: Session, before: SubjectName, after: SubjectName | Path | None) -> list[SchemaChange]:
    """What differs between two versions, or between one and a file. Without `after`: the version before, and this one.

    Raises:
        BadInput: the session names no registry, or there is no version before.
        NotFound: there is no such subject or version, or the file can't be used.
        MqtuiError: the registry can't be asked.
    """
    client = require_registry(session)

    def read(asked: RegistryClient) -> list[SchemaChange]:
        old, new = before, after
        if new is None:
            old, new = _previous(asked, before), before
        first = read_version(asked, old)
        if isinstance(new, Path):
            return compare(first, join_local(asked, read_definition(new), new.name))
        return compare(first, read_version(asked, new))

    try:
        return await ask(client, read)
    finally:
        client.close()


def _previous(client: RegistryClient, named: SubjectName) -> SubjectName:
    """The version before one."""
    versions = client.list_versions(named.subject)
    at = versions[-1] if named.version == LATEST else named.version
    older = [version for version in versions if isinstance(at, int) and version < at]
    if not older:
        raise BadInput(f"{named.subject} has no version before v{at}", "", "Name what to compare it with.")
    return SubjectName(named.subject, max(older))
