"""Colour themes: `themes/*.toml`, and a user's own in the same format."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
from textual.theme import Theme as TextualTheme

from mqtui.domain.errors import BadInput
from mqtui.state.paths import config_dir, shipped_themes

TOKENS = (
    "surface raised cursor text muted rule accent ok warn danger dead lag price live mark stale "
    "env_dev env_stage env_prod env_none env_text"
).split()  # fmt: skip
TEXTS = "text muted accent ok warn danger dead lag price live mark stale".split()
HEX = re.compile(r"#[0-9a-fA-F]{6}")
DEFAULT = "dark"


class ThemeFile(msgspec.Struct, forbid_unknown_fields=True):
    """A theme file's content."""

    title: str
    dark: bool
    tokens: dict[str, str]


class Theme(NamedTuple):
    """A colour `#rrggbb` for each token."""

    name: str
    title: str
    dark: bool
    tokens: Mapping[str, str]

    def textual(self) -> TextualTheme:
        """The theme for Textual, whose own colours are derived from the tokens."""
        token = self.tokens
        return TextualTheme(
            name=self.name,
            primary=token["accent"],
            secondary=token["live"],
            accent=token["accent"],
            warning=token["warn"],
            error=token["danger"],
            success=token["ok"],
            foreground=token["text"],
            background=token["surface"],
            surface=token["surface"],
            panel=token["raised"],
            dark=self.dark,
            variables={
                **{name.replace("_", "-"): colour for name, colour in token.items()},
                "block-cursor-background": token["cursor"],
                "block-cursor-foreground": token["text"],
                "input-cursor-background": token["text"],
                "input-cursor-foreground": token["surface"],
                "input-selection-background": token["cursor"],
                "scrollbar": token["rule"],
                "scrollbar-background": token["surface"],
                "scrollbar-hover": token["accent"],
                "scrollbar-active": token["accent"],
                "border": token["rule"],
                "border-blurred": token["rule"],
            },
        )


def read(file: Path) -> Theme:
    """Read a theme file.

    Raises:
        BadInput: the file can't be read, a token is missing or unknown, or a colour is not `#rrggbb`.
    """
    try:
        given = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), ThemeFile)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadInput(f"{file}: {error}") from error
    for name in TOKENS:
        colour = given.tokens.get(name)
        if colour is None:
            raise BadInput(f"{file}: the token {name} is missing")
        if not HEX.fullmatch(colour):
            raise BadInput(f"{file}: {name} is {colour!r}, not a colour", "", "Write it as #rrggbb.")
    unknown = sorted(set(given.tokens) - set(TOKENS))
    if unknown:
        raise BadInput(f"{file}: there is no token {unknown[0]}", "", f"Tokens are {', '.join(TOKENS)}.")
    return Theme(file.stem, given.title, given.dark, given.tokens)


class Themes(NamedTuple):
    """All themes by name, and a note for each file that was ignored."""

    known: Mapping[str, Theme]
    notes: tuple[str, ...]


def load() -> Themes:
    """The shipped themes and the user's own."""
    known: dict[str, Theme] = {}
    notes: list[str] = []
    for file in _files():
        try:
            theme = read(file)
        except BadInput as error:
            notes.append(f"theme left out: {error.title}")
        else:
            known[theme.name] = theme
    return Themes(known, tuple(notes))


def _files() -> Iterator[Path]:
    for folder in (shipped_themes(), config_dir() / "themes"):
        if folder.is_dir():
            yield from sorted(folder.glob("*.toml"))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
