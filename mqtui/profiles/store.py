"""profiles.toml: parsed and checked, and changed without losing its comments and order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import GenericAlias
from typing import TYPE_CHECKING, Any

import msgspec

from mqtui.domain.errors import BadInput, NotFound, StorageFailed
from mqtui.domain.policy import Environment
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.alert_settings import AlertTable, ReceiverTable, make_receivers, make_rules
from mqtui.profiles.model import BadProfile, BrokerEndpoint, Profile
from mqtui.profiles.profiles_file import FILE
from mqtui.profiles.toml_lines import line_of
from mqtui.state.file_lock import lock_file
from mqtui.state.fsync import sync_folder
from mqtui.state.paths import config_dir
from mqtui.state.redact import mask_target

if TYPE_CHECKING:
    import tomlkit
    from tomlkit.items import AoT, Table

AT = re.compile(r"\$\.profile\[(\d+)\](?:\.([\w.\-\[\]]+))?")
UNKNOWN = re.compile(r"unknown field `([^`]+)`")


class BrokerTable(msgspec.Struct, forbid_unknown_fields=True):
    """The table of a broker in a profile: `[profile.kafka]`."""

    url: str
    options: dict[str, str | int | bool] = {}
    secrets: dict[str, str] = {}


class ProfileTable(msgspec.Struct, forbid_unknown_fields=True):
    """`[[profile]]`, without its brokers."""

    name: str
    environment: Environment = Environment.NONE
    read_only: bool = False
    protected: bool = False
    allow: list[str] = []
    deny: list[str] = []
    prefix: str = "mqtui"
    secret: str = ""
    bundle_key: str = ""
    dead_letters: list[str] = []
    keys: list[str] = []
    decode: dict[str, dict[str, str]] = {}
    alert: list[AlertTable] = []
    receiver: list[ReceiverTable] = []


ProfileWithBrokers = msgspec.defstruct(
    "ProfileWithBrokers",
    [(kind.value, BrokerTable | None, None) for kind in BrokerKind],
    bases=(ProfileTable,),
    forbid_unknown_fields=True,
)
"""`[[profile]]`, with a table for each kind of broker."""

FileTable = msgspec.defstruct(
    "FileTable",
    [("use", str, ""), ("profile", GenericAlias(list, (ProfileWithBrokers,)), [])],
    forbid_unknown_fields=True,
)
"""The whole file. `use` is the target of commands that name none."""


class ProfileStore:
    """The profiles of this user. Several processes may change the file at once."""

    def __init__(self, path: Path | None = None) -> None:
        """Use `path`, by default `profiles.toml` in the configuration folder. It may be a link."""
        self.path = (path or config_dir() / FILE).resolve()

    def list_profiles(self) -> Sequence[Profile]:
        """All profiles, in the order of the file.

        Raises:
            BadInput: the file is invalid; the error names file, line and key.
            StorageFailed: the file can't be read.
        """
        return self._profiles(self._text())

    def find(self, name: str) -> Profile:
        """The profile of that name.

        Raises:
            NotFound: there is none.
            BadInput, StorageFailed: as `list_profiles`.
        """
        profiles = self.list_profiles()
        for profile in profiles:
            if profile.name == name:
                return profile
        raise self._missing(name, profiles)

    def used(self) -> str:
        """The target of commands that name none, NAME or NAME/KIND; "" where none is in use.

        Raises:
            BadInput, StorageFailed: as `list_profiles`.
        """
        return str(self._file_table(self._text()).use)

    def use(self, target: str) -> None:
        """Set the target of commands that name none; "" for none.

        Raises:
            BadInput, StorageFailed: as `add`.
        """
        with self._changing() as document:
            if target:
                document["use"] = target
            else:
                document.pop("use", None)

    def add(self, profile: Profile) -> None:
        """Append a profile.

        Raises:
            BadInput: there is one of that name, or as `list_profiles`.
            StorageFailed: the file can't be written.
        """
        import tomlkit

        with self._changing() as document:
            if any(table["name"] == profile.name for table in document.get("profile", ())):
                raise BadInput(f"There is a profile {profile.name} already", str(self.path))
            table = tomlkit.table()
            _fill(table, profile)
            if "profile" not in document:
                document.append("profile", tomlkit.aot())
            document["profile"].append(table)

    def replace(self, profile: Profile) -> None:
        """Change the profile of that name; comments and the order of settings stay.

        Raises:
            NotFound: there is none.
            BadInput, StorageFailed: as `add`.
        """
        with self._changing() as document:
            tables, place = self._place(document, profile.name)
            _fill(tables[place], profile)

    def remove(self, name: str) -> None:
        """Remove a profile.

        Raises:
            NotFound: there is none.
            BadInput, StorageFailed: as `add`.
        """
        with self._changing() as document:
            tables, place = self._place(document, name)
            del tables[place]
            if str(document.get("use", "")).partition("/")[0] == name:
                del document["use"]
            if not len(tables):
                del document["profile"]

    def _place(self, document: tomlkit.TOMLDocument, name: str) -> tuple[AoT, int]:
        tables: AoT | None = document.get("profile")
        if tables is not None:
            for place, table in enumerate(tables):
                if table["name"] == name:
                    return tables, place
        raise self._missing(name, self.list_profiles())

    def _missing(self, name: str, profiles: Sequence[Profile]) -> NotFound:
        import difflib

        names = [profile.name for profile in profiles]
        near = difflib.get_close_matches(name, names, n=3)
        known = f"Near it: {', '.join(near)}." if near else f"Known: {', '.join(names)}." if names else ""
        name = mask_target(name)
        return NotFound(
            f"There is no profile {name}", known, f"`mqtui profile add {name} URL` makes it; or give a URL."
        )

    @contextmanager
    def _changing(self) -> Iterator[tomlkit.TOMLDocument]:
        """The parsed document, which is checked and written when the block is left."""
        import tomlkit

        try:
            with lock_file(self.path.with_suffix(".lock")):
                text = self._text()
                self._profiles(text)
                document = tomlkit.parse(text)
                yield document
                changed = tomlkit.dumps(document)
                self._profiles(changed)
                _write(self.path, changed)
        except OSError as error:
            raise StorageFailed(f"{self.path} can't be written", error.strerror or str(error)) from error

    def _text(self) -> str:
        try:
            return self.path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError as error:
            raise BadInput(f"{self.path} is not UTF-8", f"At byte {error.start}.") from None
        except OSError as error:
            raise StorageFailed(f"{self.path} can't be read", error.strerror or str(error)) from error

    def _parsed(self, text: str) -> dict[str, Any]:
        import tomllib

        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return self._parse_with_lines(text)

    def _parse_with_lines(self, text: str) -> dict[str, Any]:
        """Parse with tomlkit, whose errors name the line."""
        import tomlkit
        from tomlkit.exceptions import ParseError, TOMLKitError

        try:
            return tomlkit.parse(text).unwrap()
        except ParseError as error:
            raise BadInput(f"{self.path}, line {error.line}: no TOML", f"Near column {error.col}.") from None
        except TOMLKitError as error:
            raise BadInput(f"{self.path}: no TOML", str(error)) from None

    def _file_table(self, text: str) -> Any:
        try:
            return msgspec.convert(self._parsed(text), FileTable)
        except msgspec.ValidationError as error:
            raise self._invalid(text, str(error)) from None

    def _profiles(self, text: str) -> Sequence[Profile]:
        found: dict[str, Profile] = {}
        tables: list[ProfileTable] = self._file_table(text).profile
        for place, table in enumerate(tables):
            try:
                profile = _profile(table)
            except BadProfile as error:
                raise BadInput(
                    f"{self._where(text, place, error.key)}: {error.title}", error.detail, error.hint
                ) from None
            if profile.name in found:
                raise BadInput(f"{self._where(text, place, 'name')}: {profile.name} is there twice")
            found[profile.name] = profile
        return list(found.values())

    def _invalid(self, text: str, message: str) -> BadInput:
        what, _, _ = message.partition(" - at ")
        at, unknown = AT.search(message), UNKNOWN.search(message)
        if at is None:
            return BadInput(f"{self.path}: {what}", "", "A profile is a table [[profile]] with a name.")
        key = ".".join(part for part in (at[2] or "", unknown[1] if unknown else "") if part)
        return BadInput(f"{self._where(text, int(at[1]), key)}: {what}")

    def _where(self, text: str, place: int, key: str) -> str:
        line = line_of(text, place, key)
        where = f"{self.path}, line {line}" if line else str(self.path)
        return f"{where}, {key}" if key else where


def _profile(table: ProfileTable) -> Profile:
    endpoints = {kind: found for kind in BrokerKind if (found := getattr(table, kind.value)) is not None}
    return Profile(
        name=table.name,
        brokers={
            kind: BrokerEndpoint(found.url, _texts(found.options), found.secrets) for kind, found in endpoints.items()
        },
        environment=table.environment,
        read_only=table.read_only,
        protected=table.protected,
        allow=frozenset(table.allow),
        deny=frozenset(table.deny),
        prefix=table.prefix,
        secret=table.secret,
        bundle_key=table.bundle_key,
        dead_letters=tuple(table.dead_letters),
        keys=tuple(table.keys),
        decode=table.decode,
        alerts=make_rules(table.alert),
        receivers=make_receivers(table.receiver),
    )


def _texts(options: dict[str, str | int | bool]) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in options.items()}


def _fill(table: Table | Any, profile: Profile) -> None:
    """Write a profile into its table, changing only what differs."""
    wanted: dict[str, Any] = {"name": profile.name, "environment": profile.environment.value}
    wanted |= {"read_only": profile.read_only, "protected": profile.protected}
    wanted |= {"allow": sorted(profile.allow), "deny": sorted(profile.deny)}
    wanted |= {"prefix": profile.prefix, "secret": profile.secret, "bundle_key": profile.bundle_key}
    wanted |= {"dead_letters": list(profile.dead_letters), "keys": list(profile.keys)}
    wanted |= {"decode": {glob: dict(parts) for glob, parts in profile.decode.items()}}
    blank = {"environment": "none", "read_only": False, "protected": False, "prefix": "mqtui"}
    for key, value in wanted.items():
        _set(table, key, value, blank=blank.get(key, value if value in ("", [], {}) else None))
    for kind in BrokerKind:
        endpoint = profile.brokers.get(kind)
        if endpoint is None:
            table.pop(kind.value, None)
            continue
        if kind.value not in table:
            import tomlkit

            table.append(kind.value, tomlkit.table())
        _set(table[kind.value], "url", endpoint.url, blank=None)
        known = table[kind.value].get("options", {})
        if _texts(dict(known)) != dict(endpoint.options):
            _set(table[kind.value], "options", dict(endpoint.options), blank={})
        _set(table[kind.value], "secrets", dict(endpoint.secrets), blank={})


def _set(table: Any, key: str, value: Any, *, blank: Any) -> None:
    """Set a value where it differs. A default (`blank`) that is not in the file is not added."""
    if key in table:
        if table[key] == value:
            return
        if value == blank:
            del table[key]
            return
        table[key] = value
    elif value != blank:
        table[key] = value


def _write(path: Path, text: str) -> None:
    import tempfile

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".profiles-", suffix=".toml")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
