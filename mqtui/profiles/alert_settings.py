"""Alert rules and receivers as they are written: `[[profile.alert]]` in a profile, `[[alert]]` in a file of rules."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from mqtui.domain.alert import ANY_NAME, CONDITIONS, AlertRule, AlertSeverity, Condition
from mqtui.domain.errors import BadInput
from mqtui.domain.times import parse_duration
from mqtui.profiles.model import BadProfile
from mqtui.profiles.receiver_settings import ReceiverSettings, WebhookForm
from mqtui.profiles.toml_lines import line_of_element

Written = TypeVar("Written")
Made = TypeVar("Made")
PLACE = re.compile(r"\$\.(\w+)\[(\d+)\](?:\.([\w.\-]+))?")
UNKNOWN_FIELD = re.compile(r"unknown field `([^`]+)`")


class AlertTable(msgspec.Struct, forbid_unknown_fields=True):
    """`[[alert]]`: a rule as it is written, with durations as text."""

    when: Condition
    on: str = ANY_NAME
    over: float | str | None = None
    clear: float | str | None = None
    hold: str = msgspec.field(default="", name="for")
    settle: str = ""
    severity: AlertSeverity | None = None
    owner: str = ""
    off: bool = False


class ReceiverTable(msgspec.Struct, forbid_unknown_fields=True):
    """`[[receiver]]`: who is told."""

    webhook: str = ""
    form: WebhookForm = WebhookForm.JSON
    command: str = ""
    desktop: bool = False


class RulesTable(msgspec.Struct, forbid_unknown_fields=True):
    """A file of rules."""

    alert: list[AlertTable] = []
    receiver: list[ReceiverTable] = []


def make_rules(tables: Sequence[AlertTable]) -> tuple[AlertRule, ...]:
    """The rules of a profile or a file.

    Raises:
        BadProfile: one can't be; its key names it, as `alert[2]`.
    """
    return _make("alert", tables, _rule)


def make_receivers(tables: Sequence[ReceiverTable]) -> tuple[ReceiverSettings, ...]:
    """The receivers of a profile or a file. Raises as `make_rules`."""
    return _make("receiver", tables, lambda each: ReceiverSettings(each.webhook, each.form, each.command, each.desktop))


def load_rules(path: Path) -> tuple[tuple[AlertRule, ...], tuple[ReceiverSettings, ...]]:
    """The rules and receivers of a file.

    Raises:
        BadInput: it can't be read, or has a mistake, whose line is named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = msgspec.convert(tomllib.loads(text), RulesTable)
        return make_rules(table.alert), make_receivers(table.receiver)
    except OSError as error:
        raise BadInput(f"{path} can't be read", error.strerror or str(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: no TOML", str(error)) from None
    except msgspec.ValidationError as error:
        raise _misread(path, text, str(error)) from None
    except BadProfile as error:
        raise BadInput(f"{_where(path, text, error.key)}: {error.title}", error.detail, error.hint) from None


def _make(name: str, tables: Sequence[Written], convert: Callable[[Written], Made]) -> tuple[Made, ...]:
    made: list[Made] = []
    for index, table in enumerate(tables):
        try:
            made.append(convert(table))
        except BadInput as error:
            key = f"{name}[{index}]" + (f".{error.key}" if isinstance(error, BadProfile) else "")
            raise BadProfile(key, error.title, error.detail, error.hint) from None
    return tuple(made)


def _rule(table: AlertTable) -> AlertRule:
    usual = CONDITIONS[table.when]
    return AlertRule(
        table.when,
        table.on,
        usual.over if table.over is None and usual.limited else _limit(table.when, "over", table.over),
        _limit(table.when, "clear", table.clear),
        _seconds("for", table.hold) if table.hold else usual.hold,
        _seconds("settle", table.settle) if table.settle else 0.0,
        table.severity or usual.severity,
        table.owner,
        table.off,
    )


def _limit(condition: Condition, key: str, written: float | str | None) -> float | None:
    """A limit as a number: of a condition in seconds it may be written as a duration.

    Raises:
        BadProfile: it is no number, and no duration where one may stand.
    """
    if not isinstance(written, str):
        return written
    if not CONDITIONS[condition].timed:
        raise BadProfile(key, f"The limit of {condition} is a number", written[:80], "Write it without quotes.")
    return _seconds(key, written)


def _seconds(key: str, written: str) -> float:
    """The seconds of a duration.

    Raises:
        BadProfile: it is none.
    """
    try:
        return parse_duration(written) / 1000
    except BadInput as error:
        raise BadProfile(key, error.title, error.detail, error.hint) from None


def _misread(path: Path, text: str, message: str) -> BadInput:
    """A value of the wrong type, or a setting that there is not."""
    what, _, _ = message.partition(" - at ")
    at, unknown = PLACE.search(message), UNKNOWN_FIELD.search(message)
    if at is None:
        return BadInput(f"{path}: {what}", "", "A file of rules has [[alert]] and [[receiver]].")
    names = [part for part in (at[3], unknown[1] if unknown else None) if part]
    return BadInput(f"{_where(path, text, '.'.join([f'{at[1]}[{at[2]}]', *names]))}: {what}")


def _where(path: Path, text: str, key: str) -> str:
    """File, line and key of a setting."""
    table, index, name = re.fullmatch(r"(\w+)\[(\d+)\]\.?(.*)", key).groups()  # type: ignore[union-attr]  # ours
    line = line_of_element(text, table, int(index), name)
    return f"{path}, line {line}, {key}" if line else f"{path}, {key}"
