"""Pictures of the screen, compared with the approved ones under `snapshots/`.

`pytest tests/ui --update-snapshots` takes those of this run as approved; look at them before they are committed.
`pytest tests/ui -k pictures --gallery FOLDER` draws every screen at every size in every theme, and compares nothing.
"""

from __future__ import annotations

import asyncio
import difflib
import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from textual.widgets import Input, TextArea

from mqtui.ui.app import Console
from tests.ui.driver import PATIENCE, User, at_console
from tests.ui.picture_steps import SIZES

THEMES = ("dark", "light", "contrast")
FOLDER = Path(__file__).parent / "snapshots"
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
TEXT = re.compile(r'<text [^>]*?x="([\d.]+)"[^>]*? y="([\d.]+)"[^>]*>(.*?)</text>', re.DOTALL)
STYLE = re.compile(r"terminal-\d+-")


@dataclass(frozen=True, slots=True)
class Pictures:
    """Takes pictures under the name of a test."""

    name: str
    update: bool
    rejected: Path
    """Where a picture is put that is not the approved one."""

    gallery: Path | None = None
    """Where every screen is drawn at every size in every theme, to be looked at."""

    @asynccontextmanager
    async def at(self, console: Console, size: tuple[int, int]) -> AsyncIterator[User]:
        """Sit down at a console of that size."""
        async with at_console(console, size) as user:
            yield user

    async def shows(self, user: User, name: str = "") -> None:
        """Wait until the screen is the approved picture; where it does not become it, say what is different."""
        width, height = user.console.size
        file = FOLDER / f"{name or self.name}-{width}x{height}.svg"
        if self.gallery is not None:
            await self._draw(user, name or self.name)
            return
        if self.update:
            FOLDER.mkdir(exist_ok=True)
            file.write_text(await settled(user), encoding="utf-8")
            return
        assert file.exists(), f"there is no {file.name} yet: look at it with --update-snapshots"
        approved = file.read_text(encoding="utf-8")
        deadline = monotonic() + PATIENCE
        while (taken := drawn(user)) != approved:
            if monotonic() > deadline:
                (self.rejected / file.name).write_text(taken, encoding="utf-8")
                raise AssertionError(
                    f"not as in {file.name}; the new one: {self.rejected}\n{difference(approved, taken)}"
                )
            await user.waits_for_paint()

    async def _draw(self, user: User, name: str) -> None:
        assert self.gallery is not None
        before, worn = user.console.size, user.console.theme
        self.gallery.mkdir(parents=True, exist_ok=True)
        for theme in THEMES:
            user.console.theme = theme
            for width, height in SIZES:
                await user.resizes(width, height)
                file = self.gallery / f"{name}-{width}x{height}-{theme}.svg"
                file.write_text(await settled(user), encoding="utf-8")
        user.console.theme = worn
        await user.resizes(*before)


def drawn(user: User) -> str:
    """The screen as SVG, with every cursor at rest and without fonts from elsewhere."""
    for field in (*user.console.screen.query(Input), *user.console.screen.query(TextArea)):
        field.cursor_blink = False
    picture = user.console.export_screenshot(title="mqtui", simplify=True)
    picture = FONT_FACE.sub("", picture)
    return re.sub(r"[ \t]+\n", "\n", STYLE.sub("t-", picture)) + "\n"


async def settled(user: User) -> str:
    """The screen once it has stopped changing."""
    deadline = monotonic() + PATIENCE
    before, since = "", monotonic()
    while True:
        now = drawn(user)
        if now != before:
            before, since = now, monotonic()
        elif monotonic() - since > 0.7:
            return now
        assert monotonic() < deadline, f"it never rests:\n{user.screen_text}"
        await asyncio.sleep(0.05)


def difference(approved: str, taken: str) -> str:
    """What is different: lines of text, or only their colours."""
    old, new = read(approved), read(taken)
    told = list(difflib.unified_diff(old, new, "approved", "taken", lineterm="", n=0))
    if told:
        return "\n".join(told)
    lines = difflib.unified_diff(approved.splitlines(), taken.splitlines(), "approved", "taken", lineterm="", n=0)
    return "\n".join(["the words are the same, the drawing is not", *list(lines)[:20]])


def read(picture: str) -> list[str]:
    """The words of a picture, line by line."""
    rows: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in TEXT.findall(picture):
        rows.setdefault(float(y), []).append((float(x), html.unescape(text).replace("\xa0", " ")))
    return ["".join(text for _, text in sorted(row)) for _, row in sorted(rows.items())]
