"""`mqtui schema`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.consent import ConsentFlags, confirm_plan
from mqtui.cli.exit_codes import DONE, INCOMPLETE
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.errors import BadInput
from mqtui.domain.schema import SchemaReference

if TYPE_CHECKING:
    from mqtui.schemas.outline import SchemaChange
    from mqtui.services.schema_subjects import Subject, SubjectName

PRINTED = 100_000
"""Characters of a schema that are printed without `--json`."""


def _subject_name(text: str) -> SubjectName:
    from mqtui.services.schema_subjects import parse_subject

    return parse_subject(text)


def parse_reference(text: str) -> SchemaReference:
    """Parse `NAME=SUBJECT@VERSION`.

    Raises:
        BadInput: it is something else.
    """
    name, equals, rest = text.partition("=")
    subject, _, version = rest.rpartition("@")
    if not (equals and name and subject and version.isdecimal()):
        raise BadInput("That is no reference", text[:80], "Write shop.Money=money-value@1.")
    return SchemaReference(name, subject, int(version))


subject_argument = click.argument(
    "subject", type=options.ConvertedParam("subject", _subject_name), metavar="SUBJECT[@VERSION]"
)
file_argument = click.argument("file", type=click.Path(path_type=Path))
reference_option = click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="NAME=SUBJECT@VERSION",
    type=options.ConvertedParam("reference", parse_reference),
    help="A registered schema that the file uses, by the name it has there.",
)


@click.group()
def schema() -> None:
    """The schema registry of a broker: subjects, versions, what differs, new versions."""


@schema.command("list", cls=options.TargetCommand)
@options.target_argument
@click.option("--filter", "pattern", default="", metavar="GLOB", help="Names that match, such as 'orders*'.")
@options.rows_option
def list_subjects(*, target: str, pattern: str, json_lines: bool) -> None:
    """The subjects, each with its newest version and who uses it, as far as its name tells."""
    output = current_output(json=json_lines)
    run_command(output, lambda: _list(output, target, pattern))


async def _list(output: Output, target: str, pattern: str) -> int:
    from mqtui.services.schema_rows import subject_row
    from mqtui.services.schema_subjects import list_subjects as listed
    from mqtui.services.session import open_session

    async with open_session(target) as session:
        output.warn(session.warnings)
        found = await listed(session, pattern)
    if output.json:
        for each in found:
            output.json_line(subject_row(each))
    else:
        titles = ("SUBJECT", "VERSIONS", "NEWEST", "ID", "LANGUAGE", "COMPATIBILITY", "USED BY")
        output.table(
            titles, map(_cells, found), right=(1, 3), first_to_go=("COMPATIBILITY", "ID", "LANGUAGE", "USED BY")
        )
    for why in dict.fromkeys(each.why for each in found if each.why):
        output.note(f"▲ {why}")
    return INCOMPLETE if any(each.schema is None for each in found) else DONE


def _cells(each: Subject) -> tuple[object, ...]:
    if each.schema is None:
        return each.name, "?", "?", "?", "?", "?", ""
    newest = f"v{each.schema.version}"
    used_by = ", ".join(each.used_by) or ("?" if each.why else "")
    return each.name, len(each.versions), newest, each.schema.id, each.schema.kind, each.compatibility, used_by


@schema.command("show", cls=options.TargetCommand)
@options.target_argument
@subject_argument
@options.rows_option
def show_subject(*, target: str, subject: SubjectName, json_lines: bool) -> None:
    """A version of a subject: its schema, and who uses it, as far as it can be told."""
    output = current_output(json=json_lines)
    run_command(output, lambda: _show(output, target, subject))


async def _show(output: Output, target: str, named: SubjectName) -> int:
    from mqtui.services.schema_rows import definition_row
    from mqtui.services.schema_subjects import find_subject
    from mqtui.services.session import open_session

    async with open_session(target) as session:
        output.warn(session.warnings)
        found = await find_subject(session, named)
    if output.json:
        output.json_line(definition_row(found))
        return DONE
    schema = found.schema
    assert schema is not None
    others = ", ".join(f"v{version}" for version in found.versions if version != schema.version)
    facts = [
        ("subject", f"{found.name} v{schema.version}" + (f", beside {others}" if others else "")),
        ("id", str(schema.id)),
        ("language", str(schema.kind)),
        ("level", found.compatibility or "?"),
        *(("uses", f"{each.name}: {each}") for each in schema.references),
        *(("used by", each) for each in found.used_by or ("?" if found.why else "nobody that is known",)),
    ]
    for label, text in facts:
        output.line(f"  {label:<10} {text}")
    output.line()
    for line in _pretty(schema.text[:PRINTED]).splitlines():
        output.line(line)
    output.warn([found.why] if found.why else [])
    return DONE


def _pretty(text: str) -> str:
    """A schema in JSON with indents; any other text as it is."""
    import json

    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


@schema.command("diff", cls=options.TargetCommand)
@options.target_argument
@subject_argument
@click.argument("other", required=False, metavar="[SUBJECT[@VERSION]|FILE]")
@options.rows_option
def diff_schemas(*, target: str, subject: SubjectName, other: str | None, json_lines: bool) -> None:
    """What differs: between a version and the one before, or another one, or a file. Exit 1: something does."""
    output = current_output(json=json_lines)
    after = None if other is None else Path(other) if Path(other).is_file() else _subject_name(other)
    run_command(output, lambda: _diff(output, target, subject, after))


async def _diff(output: Output, target: str, before: SubjectName, after: SubjectName | Path | None) -> int:
    from mqtui.services.schema_subjects import diff_versions
    from mqtui.services.session import open_session

    async with open_session(target) as session:
        output.warn(session.warnings)
        changes = await diff_versions(session, before, after)
    _print_changes(output, changes)
    return INCOMPLETE if changes else DONE


def _print_changes(output: Output, changes: list[SchemaChange]) -> None:
    if output.json:
        from mqtui.services.schema_rows import change_row

        for change in changes:
            output.json_line(change_row(change))
        return
    for change in changes:
        output.line(str(change))
    if not changes:
        output.line("nothing differs")


@schema.command("check", cls=options.TargetCommand)
@options.target_argument
@click.argument("subject")
@file_argument
@reference_option
@options.rows_option
def check_schema(
    *, target: str, subject: str, file: Path, references: tuple[SchemaReference, ...], json_lines: bool
) -> None:
    """Whether a file may be the next version of a subject. Exit 1: the registry would refuse it."""
    output = current_output(json=json_lines)
    run_command(output, lambda: _check(output, target, subject, file, references))


async def _check(output: Output, target: str, subject: str, file: Path, references: tuple[SchemaReference, ...]) -> int:
    from mqtui.services.schema_registration import check_file
    from mqtui.services.schema_rows import check_row
    from mqtui.services.session import open_session

    async with open_session(target) as session:
        output.warn(session.warnings)
        found = await check_file(session, subject, file, references)
    if output.json:
        output.json_line(check_row(found))
        return INCOMPLETE if found.compatible is False else DONE
    if found.compatible is None:
        output.line(f"{subject} is a new subject: there is nothing to be compatible with")
        return DONE
    if found.same is not None:
        output.line(f"{file.name} is {subject} v{found.same.version} already")
        return DONE
    for change in found.changes:
        output.line(str(change))
    fits = "is compatible with" if found.compatible else "is not compatible with"
    output.line(f"{file.name} {fits} {subject} v{found.newest} ({found.level})")
    for text in found.messages:
        output.note(f"▲ {text}")
    return DONE if found.compatible else INCOMPLETE


@schema.command("register", cls=options.TargetCommand)
@options.target_argument
@click.argument("subject")
@file_argument
@reference_option
@options.write_options
@options.rows_option
def register_schema(
    *,
    target: str,
    subject: str,
    file: Path,
    references: tuple[SchemaReference, ...],
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
) -> None:
    """Register a file as the next version of a subject, where it is compatible."""
    output = current_output(json=json_lines)
    flags = ConsentFlags(dry_run, yes, confirm)
    run_command(output, lambda: _register(output, target, subject, file, references, flags))


async def _register(
    output: Output,
    target: str,
    subject: str,
    file: Path,
    references: tuple[SchemaReference, ...],
    flags: ConsentFlags,
) -> int:
    from mqtui.services.schema_registration import check_file, plan_registration, register
    from mqtui.services.session import open_session

    async with open_session(target) as session:
        output.warn(session.warnings)
        await session.guard.identify_broker()
        checked = await check_file(session, subject, file, references)
        registered = checked.same
        if registered is None:
            planned = plan_registration(session, checked)
            consent = confirm_plan(output, planned, session.policy, flags)
            if consent is None:
                return DONE
            registered = await register(session, planned, consent)
    if output.json:
        row = {"subject": subject, "schema_version": registered.version, "schema_id": registered.id}
        output.json_line(row | {"registered": checked.same is None})
    else:
        word = "registered" if checked.same is None else "is registered already:"
        output.line(f"{file.name} {word} {subject} v{registered.version}, id {registered.id}")
    return DONE
