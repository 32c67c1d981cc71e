"""Every theme can be read: contrast is computed, and a theme with a mistake is named and left out."""

from __future__ import annotations

from functools import partial
from itertools import product
from pathlib import Path

import pytest

from mqtui.domain.errors import BadInput
from mqtui.state.paths import shipped_themes
from mqtui.ui import theme
from mqtui.ui.widgets.row_table import RowTable
from tests.ui.driver import at_console
from tests.ui.memory_shop import MemoryShop

SHIPPED = sorted(shipped_themes().glob("*.toml"))
GROUNDS = ("surface", "raised", "cursor")
ENVIRONMENTS = ("env_dev", "env_stage", "env_prod", "env_none")
NEEDED = {"contrast": 7.0}
"""Contrast of text by theme; others hold 4.5:1 (WCAG 2.2, 1.4.3 and 1.4.6)."""


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_text_stands_out_on_every_ground(file: Path) -> None:
    """All tones on the body, on bars and on the row under the cursor."""
    read = theme.read(file)
    needed = NEEDED.get(file.stem, 4.5)
    weak = {
        (tone, ground): round(ratio, 2)
        for tone, ground in product(theme.TEXTS, GROUNDS)
        if (ratio := theme.contrast(read.tokens[tone], read.tokens[ground])) < needed
    }
    assert not weak


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_rules_and_environments_stand_out(file: Path) -> None:
    """Rules hold 3:1 on the body, the environment's word 4.5:1 on its colour."""
    tokens = theme.read(file).tokens
    assert theme.contrast(tokens["rule"], tokens["surface"]) >= 3.0
    for ground in ENVIRONMENTS:
        assert theme.contrast(tokens["env_text"], tokens[ground]) >= 4.5, ground


def test_the_three_themes_are_shipped() -> None:
    assert {file.stem for file in SHIPPED} >= {"dark", "light", "contrast"}
    assert theme.read(shipped_themes() / "dark.toml").dark
    assert not theme.read(shipped_themes() / "light.toml").dark


def test_contrast_is_that_of_wcag() -> None:
    """Black on white is 21:1, a colour on itself 1:1, and #767676 the lightest grey that holds 4.5:1 on white."""
    assert theme.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert theme.contrast("#123456", "#123456") == pytest.approx(1)
    assert theme.contrast("#767676", "#ffffff") >= 4.5 > theme.contrast("#777777", "#ffffff")


def own(folders: Path, text: str, name: str = "mine") -> Path:
    file = folders / "config" / "themes" / f"{name}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def dark(**changed: str) -> str:
    text = (shipped_themes() / "dark.toml").read_text(encoding="utf-8")
    for name, colour in changed.items():
        lines = [f'{name} = "{colour}"' if line.startswith(f"{name} ") else line for line in text.splitlines()]
        text = "\n".join(lines)
    return text


MISTAKES = {
    "no colour": (dark(accent="blue"), "accent is 'blue', not a colour"),
    "a token is missing": ("\n".join(line for line in dark().splitlines() if "lag" not in line), "lag is missing"),
    "a token too many": (dark() + '\nglow = "#ffffff"\n', "there is no token glow"),
    "no toml": ("title = ", "mine.toml"),
    "a setting too many": ("blink = true\n" + dark(), "blink"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_theme_with_a_mistake_is_named_and_left_out(folders: Path, case: str) -> None:
    text, words = MISTAKES[case]
    file = own(folders, text)
    with pytest.raises(BadInput) as caught:
        theme.read(file)
    assert words in caught.value.title
    themes = theme.load()
    assert "mine" not in themes.known and "dark" in themes.known
    (note,) = themes.notes
    assert str(file) in note and words in note


def test_a_theme_of_ones_own(folders: Path) -> None:
    own(folders, dark(accent="#00ff00"))
    themes = theme.load()
    assert themes.known["mine"].tokens["accent"] == "#00ff00"
    assert not themes.notes


async def test_a_mistake_is_noted_and_the_default_is_used(folders: Path, shop: MemoryShop) -> None:
    """The console opens all the same, and the note names the file."""
    file = own(folders, dark(accent="blue"))
    shop.profiles()
    console = shop.console()
    async with at_console(console) as user:
        await user.is_at("HomeScreen")
        assert console.theme == theme.DEFAULT
        assert any(str(file) in note.text for note in console.sessions.notifications)


async def test_every_theme_can_be_worn(shop: MemoryShop) -> None:
    """A change of theme repaints lists and bars at once."""
    shop.profiles()
    console = shop.console()
    async with at_console(console) as user:
        await user.sees("prod-eu")
        for name, known in console.themes.known.items():
            console.theme = name
            await user.until(partial(wears, user.table, known), f"wears {name}")


def wears(table: RowTable[object], worn: theme.Theme) -> bool:
    """Whether a row without the cursor stands on the theme's surface."""
    style = next(segment.style for segment in table.render_line(1) if segment.style is not None)
    return style.bgcolor is not None and style.bgcolor.name == worn.tokens["surface"]
