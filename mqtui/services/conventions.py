"""Reads the dead-letter conventions: those shipped with mqtui and the user's own, in the same format.

A user's file of the same `name` takes the place of a shipped one. A file with a mistake is left out, and a note says
which file and which key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec

from mqtui.brokers.registry import all_traits
from mqtui.domain import header_codec as codec
from mqtui.domain.body_envelope import BodyEnvelope
from mqtui.domain.convention import FIELDS, Convention, Conventions, FieldSource
from mqtui.domain.errors import BadInput
from mqtui.domain.message import MessageFormat
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import Profile
from mqtui.state.paths import config_dir

SHIPPED = Path(__file__).parent.parent / "conventions"


class FieldSourceFile(msgspec.Struct, forbid_unknown_fields=True):
    """A header or field to read from, or several of which the first that exists is read."""

    name: str | list[str]
    codec: str = "text"
    path: str = ""


class ExceptionFile(msgspec.Struct, forbid_unknown_fields=True):
    """How the root exception is distinguished from its wrappers."""

    wrappers: list[str] = []
    after: list[str] = []


class StripFile(msgspec.Struct, forbid_unknown_fields=True):
    """Headers and fields that are stripped in a redrive."""

    prefixes: list[str] = []
    names: list[str] = []
    fields: list[str] = []
    remains: str = ""


FieldSources = str | FieldSourceFile | list[str | FieldSourceFile]


class EnvelopeFile(msgspec.Struct, forbid_unknown_fields=True):
    """Where a letter that is a JSON envelope has the message: paths of members."""

    value: list[str]
    value_base64: list[str] = []
    key: list[str] = []
    key_base64: list[str] = []
    headers: list[str] = []
    properties: list[str] = []
    detect: list[str] = []


class ConventionFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A convention file (TOML)."""

    name: str
    title: str = ""
    brokers: list[BrokerKind]
    detect: list[str] = []
    loose: list[str] = []
    order: int = 50
    destinations: list[str] = []
    only_with_origin: list[str] = []
    retries: list[str] = []
    fields: dict[str, FieldSources] = {}
    exception: ExceptionFile = msgspec.field(default_factory=ExceptionFile)
    strip: StripFile = msgspec.field(default_factory=StripFile)
    envelope: EnvelopeFile | None = None


@dataclass(frozen=True, slots=True)
class LoadedConventions:
    """All conventions, and a note for each file that was left out."""

    conventions: Conventions
    notes: tuple[str, ...] = ()


def read_convention(file: Path) -> Convention:
    """Read one convention file.

    Raises:
        BadInput: the file can't be read, or a key is wrong; the title names both.
    """
    try:
        data: Mapping[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{file}: {error}") from error
    try:
        given = msgspec.convert(data, ConventionFile)
    except msgspec.ValidationError as error:
        raise BadInput(f"{file}: {error}") from error
    return _convention(file, given)


@cache
def _shipped_conventions() -> tuple[Convention, ...]:
    return tuple(map(read_convention, _files(SHIPPED)))


@lru_cache(maxsize=8)
def load_conventions(config: Path | None = None) -> LoadedConventions:
    """The shipped conventions and those of `config`/conventions/*.toml, read once."""
    known = {one.name: one for one in _shipped_conventions()}
    notes: list[str] = []
    for file in _files(config / "conventions") if config else ():
        try:
            own = read_convention(file)
        except BadInput as error:
            notes.append(f"convention left out: {error.title}")
        else:
            known[own.name] = own
    return LoadedConventions(Conventions(known.values(), _formats()), tuple(notes))


def load_for_profile(profile: Profile | None = None) -> LoadedConventions:
    """The conventions of this machine: those shipped, the user's own, and the names that a profile adds."""
    loaded = load_conventions(config_dir())
    if profile is None or not profile.dead_letters:
        return loaded
    return LoadedConventions(_with_names(loaded.conventions, profile.dead_letters), loaded.notes)


@lru_cache(maxsize=8)
def _with_names(conventions: Conventions, names: tuple[str, ...]) -> Conventions:
    own = Convention("profile", "Names of the profile", frozenset(BrokerKind), destinations=names, order=0)
    return Conventions((*conventions.known, own), _formats())


def _formats() -> Mapping[BrokerKind, MessageFormat]:
    return {traits.kind: traits.message_format for traits in all_traits()}


def _files(folder: Path) -> Iterable[Path]:
    return sorted(folder.glob("*.toml")) if folder.is_dir() else ()


def _convention(file: Path, given: ConventionFile) -> Convention:
    for where, named in (("fields", given.fields), ("strip.fields", given.strip.fields)):
        for field in named:
            if field not in FIELDS:
                known = ", ".join(sorted(FIELDS))
                raise BadInput(f"{file}: unknown field `{field}` - at `$.{where}`", f"Known are {known}.")
    names = (given.destinations, given.only_with_origin, given.retries)
    if not (given.detect or given.loose or any(names) or given.envelope):
        hint = "Give `detect`, `loose`, `destinations`, `only_with_origin` or `retries`."
        raise BadInput(f"{file}: nothing identifies its letters - at `$.detect`", hint)
    return Convention(
        given.name,
        given.title or given.name,
        frozenset(given.brokers),
        tuple(given.detect),
        {field: tuple(_field_sources(file, field, places)) for field, places in given.fields.items()},
        frozenset(given.exception.wrappers),
        tuple(given.exception.after),
        tuple(given.strip.prefixes),
        frozenset(given.strip.names),
        frozenset(given.strip.fields),
        tuple(given.destinations),
        given.order,
        tuple(given.loose),
        _envelope(given.envelope),
        given.strip.remains,
        tuple(given.only_with_origin),
        tuple(given.retries),
    )


def _envelope(given: EnvelopeFile | None) -> BodyEnvelope | None:
    if given is None:
        return None
    return BodyEnvelope(**{name: tuple(paths) for name, paths in msgspec.structs.asdict(given).items()})


def _field_sources(file: Path, field: str, given: FieldSources) -> Iterable[FieldSource]:
    for one in given if isinstance(given, list) else (given,):
        if isinstance(one, str):
            yield FieldSource(one)
            continue
        if one.codec not in codec.NAMES:
            known = ", ".join(codec.NAMES)
            raise BadInput(f"{file}: unknown codec `{one.codec}` - at `$.fields.{field}.codec`", f"Known are {known}.")
        if one.codec in codec.WITH_PATH and not one.path:
            raise BadInput(f"{file}: the codec {one.codec} needs a path - at `$.fields.{field}.path`")
        for name in one.name if isinstance(one.name, list) else (one.name,):
            yield FieldSource(name, one.codec, one.path)
