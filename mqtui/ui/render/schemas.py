"""Subjects of schema registries as rows, and a version as lines: its parts, or what differs from the one before."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from mqtui.domain.schema import Schema
from mqtui.schemas.outline import SchemaChange, describe_changes, outline
from mqtui.services.schema_subjects import Subject
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.render.table_model import Cell, Column

TONES = {"+": "ok", "-": "danger", "~": "warn"}


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """A subject, and the target whose registry has it."""

    target: str
    subject: Subject


class SubjectRenderer:
    """How subjects are shown in a list."""

    columns = (
        Column("subject", "SUBJECT", 24, grows=True, least=12),
        Column("versions", "VERSIONS", 8, right=True, priority=2),
        Column("id", "ID", 6, right=True, priority=3),
        Column("language", "LANGUAGE", 8),
        Column("level", "COMPATIBILITY", 14, priority=4),
        Column("used_by", "USED BY", 20, priority=2),
    )

    def id(self, item: SubjectRow) -> Hashable:
        return item.target, item.subject.name

    def cells(self, item: SubjectRow) -> Sequence[Cell]:
        subject = item.subject
        if subject.schema is None:
            return (subject.name, ""), *((("?", "muted"),) * 4), (subject.why, "warn")
        return (
            (subject.name, ""),
            (f"{len(subject.versions):,}", ""),
            (str(subject.schema.id), "muted"),
            (str(subject.schema.kind), ""),
            (subject.compatibility, "muted"),
            (
                ", ".join(subject.used_by) or (f"? {subject.why}" if subject.why else ""),
                "" if subject.used_by else "muted",
            ),
        )

    def sign(self, item: SubjectRow) -> Cell:
        """`?` it can't be asked for."""
        return ("?", "warn") if item.subject.schema is None else (" ", "")

    def severity(self, item: SubjectRow) -> int:
        """1 where it can't be asked for."""
        return int(item.subject.schema is None)

    def text(self, item: SubjectRow) -> str:
        return " ".join((item.subject.name, item.subject.compatibility, *item.subject.used_by))

    def value(self, item: SubjectRow, key: str) -> Any:
        subject = item.subject
        known: dict[str, Any] = {
            "subject": subject.name,
            "versions": len(subject.versions) or None,
            "id": None if subject.schema is None else subject.schema.id,
            "language": None if subject.schema is None else str(subject.schema.kind),
            "level": subject.compatibility,
            "used_by": ", ".join(subject.used_by),
        }
        return known.get(key)


def schema_lines(schema: Schema) -> list[StyledLine]:
    """The parts of a schema, each with what it is."""
    parts = outline(schema)
    if not parts:
        return [[("its parts can't be read", "muted")]]
    width = min(40, max(map(len, parts)))
    return [[(f"{path:<{width}}  ", "accent"), (text, "")] for path, text in parts.items()]


def change_lines(changes: Sequence[SchemaChange]) -> list[StyledLine]:
    """What differs, a line a part."""
    lines: list[StyledLine] = [[(describe_changes(changes), "muted")], []]
    return lines + [[(str(change), TONES[str(change)[0]])] for change in changes]
