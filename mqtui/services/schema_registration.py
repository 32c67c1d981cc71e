"""Registers a schema file as the next version of a subject: checked, planned, consented to, audited."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError, NotFound, ReplyLost, TimedOut
from mqtui.domain.figure import exact
from mqtui.domain.plan import Plan, RegisterSchema, Risk, Severity
from mqtui.domain.policy import Consent
from mqtui.domain.schema import RegisteredSchema, SchemaNotFound, SchemaReference
from mqtui.schemas.local_files import read_definition
from mqtui.schemas.outline import SchemaChange, compare, describe_changes
from mqtui.schemas.registry_client import LATEST, RegistryClient
from mqtui.services.schema_subjects import SubjectName, ask, join_local, read_version, require_registry
from mqtui.services.session import Session

MAX_CHANGES = 20
"""Changes that a plan lists."""


@dataclass(frozen=True, slots=True)
class CompatibilityCheck:
    """Whether a file may be the next version of a subject. `compatible` is None for a subject that is new.

    `same` is the version that is this schema already. `messages` are the registry's own words.
    """

    subject: str
    definition: RegisteredSchema
    level: str
    newest: int
    compatible: bool | None
    messages: tuple[str, ...] = ()
    changes: tuple[SchemaChange, ...] = ()
    uncompared: str = ""
    """Why the changes are not known."""

    same: RegisteredSchema | None = None


async def check_file(
    session: Session, subject: str, path: Path, references: Sequence[SchemaReference] = ()
) -> CompatibilityCheck:
    """Compare a schema file with a subject, and ask the registry whether it is compatible.

    Raises:
        BadInput: the session names no registry, or the registry finds no schema in the file.
        NotFound: the file can't be used, or a reference leads nowhere.
        MqtuiError: the registry can't be asked.
    """
    client = require_registry(session)
    try:
        return await ask(client, lambda asked: _check(asked, subject, path, references))
    finally:
        client.close()


def _check(
    client: RegistryClient, subject: str, path: Path, references: Sequence[SchemaReference]
) -> CompatibilityCheck:
    definition = read_definition(path, references)
    level = client.compatibility(subject)
    try:
        newest = client.find_version(subject, LATEST)
    except NotFound:
        return CompatibilityCheck(subject, definition, level, 0, None)
    compatible, messages = _ask_registry(client, subject, definition, level)
    same = client.find_registered(subject, definition)
    found = CompatibilityCheck(subject, definition, level, newest.version, compatible, tuple(messages), same=same)
    try:
        before = read_version(client, SubjectName(subject, newest.version))
        return replace(found, changes=tuple(compare(before, join_local(client, definition, path.name))))
    except SchemaNotFound as error:
        return replace(found, uncompared=str(error))


def _ask_registry(
    client: RegistryClient, subject: str, definition: RegisteredSchema, level: str
) -> tuple[bool, list[str]]:
    """Whether it is compatible. With the level NONE everything is taken, whatever a check says (Apicurio's: no)."""
    if level == "NONE":
        return True, []
    return client.check(subject, definition, "" if level.endswith("_TRANSITIVE") else LATEST)


def plan_registration(session: Session, checked: CompatibilityCheck) -> Plan:
    """Plan the registration of a file that was checked."""
    after = (
        f"the first version of {checked.subject}, a new subject"
        if not checked.newest
        else (f"the version after v{checked.newest} of {checked.subject}")
    )
    facts = [("registry", require_registry(session).url), ("becomes", after), ("level", checked.level)]
    if checked.newest:
        facts.append(("differs", checked.uncompared or describe_changes(checked.changes)))
        facts += [("", str(change)) for change in checked.changes[:MAX_CHANGES]]
    risks: tuple[Risk, ...] = ()
    if checked.compatible is False:
        why = "; ".join(checked.messages) or "the registry gives no reason"
        text = f"{checked.subject} is {checked.level}: {why}"
        risks = (Risk("incompatible-schema", text, Severity.REFUSE, final=True),)
    return Plan(
        id=secrets.token_hex(16),
        verb=Verb.REGISTER,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=(RegisterSchema(checked.subject, checked.definition),),
        count=exact(1),
        facts=tuple(facts),
        risks=risks,
    )


async def register(session: Session, planned: Plan, consent: Consent) -> RegisteredSchema:
    """Register what was planned; the schema with its id and version.

    Raises:
        Refused, NeedsConsent, StorageFailed: as the guard says, or the registry refuses it.
        ReplyLost: it was sent, and whether it is registered can't be asked.
        MqtuiError: the registry can't be asked.
    """
    client = require_registry(session)
    (step,) = planned.steps
    assert isinstance(step, RegisterSchema)
    try:
        async with session.guard.registering(planned, consent, client) as registrar:
            try:
                await registrar.register(step)
            except TimedOut as error:
                return await _settle(client, step, error)
        found = await ask(client, lambda asked: asked.find_registered(step.subject, step.schema))
        if found is None:
            raise ReplyLost(f"{step.subject} was registered, and its version can't be found", "", "mqtui schema show")
        return found
    finally:
        client.close()


async def _settle(client: RegistryClient, step: RegisterSchema, error: TimedOut) -> RegisteredSchema:
    """What became of a request without an answer."""
    try:
        found = await ask(client, lambda asked: asked.find_registered(step.subject, step.schema))
    except MqtuiError:
        found = None
    if found is None:
        raise ReplyLost(
            f"Whether {step.subject} was registered is not known", error.title, "Ask again: mqtui schema show."
        ) from error
    return found
