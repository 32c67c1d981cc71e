"""The manual: Markdown pages that come with the package, read by `mqtui help` and the console."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mqtui.domain.errors import NotFound

FOLDER = Path(__file__).parent.parent / "manual"

ORDER = (
    "start",
    "connecting",
    "configuration",
    "console",
    "looking",
    "dead-letters",
    "publishing",
    "pending",
    "offsets",
    "changing",
    "schemas",
    "alerts",
    "json",
    "risks",
    "exit-codes",
    "security",
    "troubleshooting",
    "versions",
)
"""The pages, as somebody new would read them."""

PAGES_OF_COMMANDS = {
    **dict.fromkeys(("demo", "completion"), "start"),
    **dict.fromkeys(("ls", "peek", "tail", "search", "find", "export", "groups", "lag"), "looking"),
    **dict.fromkeys(("describe", "partitions", "topology"), "looking"),
    **dict.fromkeys(("dlq", "redrive", "discard", "runs"), "dead-letters"),
    **dict.fromkeys(("claim", "ack"), "pending"),
    **dict.fromkeys(("create", "alter", "purge", "delete"), "changing"),
    **dict.fromkeys(("offsets", "transactions"), "offsets"),
    "publish": "publishing",
    "schema": "schemas",
    "watch": "alerts",
    "profile": "configuration",
    "audit": "security",
    "schema-of": "json",
}
"""The page that explains a command."""


@dataclass(frozen=True, slots=True)
class ManualPage:
    """One page of the manual. `text` is Markdown and begins with the title's line."""

    name: str
    title: str
    text: str


def list_pages() -> list[ManualPage]:
    """All pages in reading order."""
    return [_read(name) for name in ORDER]


def find_page(topic: str) -> ManualPage:
    """The page of a topic: its name, the beginning of one page's name, or a command.

    Raises:
        NotFound: no page, or several begin so.
    """
    wanted = topic.lower().removesuffix(".md")
    named = PAGES_OF_COMMANDS.get(wanted, wanted)
    found = [name for name in ORDER if name == named] or [name for name in ORDER if name.startswith(named)]
    if len(found) != 1:
        raise NotFound(f"The manual has no page {topic}", "", f"It has {', '.join(ORDER)}.")
    return _read(found[0])


def _read(name: str) -> ManualPage:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    title = text.partition("\n")[0].removeprefix("# ")
    return ManualPage(name, title, text)
