"""Rows of `mqtui schema --json`."""

from __future__ import annotations

from mqtui.schemas.outline import SchemaChange
from mqtui.services.jsonlines import Json
from mqtui.services.schema_registration import CompatibilityCheck
from mqtui.services.schema_subjects import Subject


def subject_row(subject: Subject) -> Json:
    """A subject with one of its versions; null is what could not be asked."""
    schema = subject.schema
    row: Json = {
        "subject": subject.name,
        "schema_versions": list(subject.versions),
        "schema_version": None if schema is None else schema.version,
        "schema_id": None if schema is None else schema.id,
        "language": None if schema is None else schema.kind.value,
        "compatibility": subject.compatibility or None,
        "used_by": list(subject.used_by) or (None if subject.why else []),
    }
    return row | ({"why": subject.why} if subject.why else {})


def definition_row(subject: Subject) -> Json:
    """A subject with the source of one version, and what that refers to."""
    row, schema = subject_row(subject), subject.schema
    if schema is not None:
        row |= {"definition": schema.text, "references": [f"{each.name}: {each}" for each in schema.references]}
    return row


def change_row(change: SchemaChange) -> Json:
    """A difference between two schemas."""
    return {"path": change.path, "before": change.before, "after": change.after}


def check_row(checked: CompatibilityCheck) -> Json:
    """Whether a file may be the next version of a subject; `compatible` is null for a new one."""
    return {
        "subject": checked.subject,
        "compatibility": checked.level,
        "compatible": checked.compatible,
        "notes": list(checked.messages),
        "changes": [change_row(each) for each in checked.changes],
        "schema_version": None if checked.same is None else checked.same.version,
    }
