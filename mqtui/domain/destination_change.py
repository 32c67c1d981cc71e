"""Changes of a destination itself: made, altered, deleted, purged. What is asked, and the steps that a plan has of it.

`identity` is what tells a destination from a later one of its name (a topic id, a count that only grows); "" where the
broker has nothing like it. A step is refused where another destination has the name by then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mqtui.domain.errors import BadInput
from mqtui.domain.figure import Figure
from mqtui.domain.message import Position
from mqtui.domain.read_range import StartPoint
from mqtui.domain.resource import Ref

SETTING = re.compile(r"([A-Za-z][\w.-]*)=(.*)", re.S)
FORMS = "NAME=VALUE, partitions:12, replicas:3, type:quorum, like:OTHER"


@dataclass(frozen=True, slots=True)
class Creation:
    """A new destination. None and "": as the broker has it by default, or as `like` has it."""

    ref: Ref
    type: str = ""
    partitions: int | None = None
    replicas: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    like: Ref | None = None


@dataclass(frozen=True, slots=True)
class Alteration:
    """Other settings, and more partitions. A setting in `reset` gets the broker's default again."""

    ref: Ref
    settings: Mapping[str, str] = field(default_factory=dict)
    reset: tuple[str, ...] = ()
    partitions: int | None = None


@dataclass(frozen=True, slots=True)
class Deletion:
    """A destination with all that is in it."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class PurgeRequest:
    """The messages before a position or time, of one partition or of all; without one, all that are there now."""

    ref: Ref
    before: StartPoint | None = None
    partition: int | None = None


DestinationChange: TypeAlias = Creation | Alteration | Deletion | PurgeRequest


@dataclass(frozen=True, slots=True)
class CreateDestination:
    """Make a destination."""

    ref: Ref
    type: str
    partitions: int | None
    replicas: int | None
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting: what it is, and what it is to be; None after: what the broker has by default."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class AlterSettings:
    """Set settings of a destination."""

    ref: Ref
    identity: str
    changes: tuple[SettingChange, ...]


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """Give a destination more partitions."""

    ref: Ref
    identity: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class DeleteDestination:
    """Delete a destination. `is_empty`, `is_unused`: the plan saw no message, and no reader, in it."""

    ref: Ref
    identity: str
    is_empty: bool = False
    is_unused: bool = False


@dataclass(frozen=True, slots=True)
class PurgeBound:
    """What is deleted of a partition: all before a position. `first` is where it begins now."""

    partition: int
    first: Position
    before: Position


@dataclass(frozen=True, slots=True)
class PurgeMessages:
    """Delete messages; without bounds all that are ready."""

    ref: Ref
    identity: str
    bounds: tuple[PurgeBound, ...]
    count: Figure


DestinationStep: TypeAlias = CreateDestination | AlterSettings | AddPartitions | DeleteDestination | PurgeMessages
DESTINATION_STEPS = (CreateDestination, AlterSettings, AddPartitions, DeleteDestination, PurgeMessages)


def parse_settings(texts: Sequence[str]) -> dict[str, str]:
    """Settings as typed: `retention.ms=604800000`.

    Raises:
        BadInput: one is nothing of that kind, or is named twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        match = SETTING.fullmatch(text)
        if match is None:
            raise BadInput(f"Not a setting: {text!r}", "", "Write it as NAME=VALUE.")
        if match[1] in found:
            raise BadInput(f"{match[1]} is set twice")
        found[match[1]] = match[2]
    return found


@dataclass(frozen=True, slots=True)
class CreationWords:
    """What was typed of a new destination: its name, and the options as words."""

    name: str
    type: str = ""
    partitions: int | None = None
    replicas: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    like: str = ""


def parse_creation(text: str) -> CreationWords:
    """What is typed in one line: `orders.copy partitions:12 retention.ms=60000`, `copy like:orders`.

    Raises:
        BadInput: a word is nothing of that kind.
    """
    name, *words = text.split() or [""]
    if not name:
        raise BadInput("What is it called?", "", f"The name, then {FORMS}.")
    settings = [word for word in words if SETTING.fullmatch(word)]
    options: dict[str, str] = {}
    for word in words:
        option, colon, value = word.partition(":")
        if word in settings:
            continue
        if not colon or not value or option not in ("partitions", "replicas", "type", "like"):
            raise BadInput(f"Not an option: {word!r}", "", f"Give {FORMS}.")
        options[option] = value
    numbers = {option: _number(option, options.get(option)) for option in ("partitions", "replicas")}
    return CreationWords(
        name,
        options.get("type", ""),
        numbers["partitions"],
        numbers["replicas"],
        parse_settings(settings),
        options.get("like", ""),
    )


def _number(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise BadInput(f"Not a number of {option}: {text!r}")
    return int(text)
