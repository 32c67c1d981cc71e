"""Copying parts of a message, showing it in the editor, exporting messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.events import Key

from mqtui.codecs.base64_hex import to_base64
from mqtui.domain import name_quoting
from mqtui.domain.message import Delivery, Message, Offset
from mqtui.domain.resource import Ref
from mqtui.services.conventions import load_for_profile
from mqtui.ui import clipboard
from mqtui.ui.editor import edit_text
from mqtui.ui.navigation import goto
from mqtui.ui.render.messages.headers import headers
from mqtui.ui.screens.console_screen import ConsoleScreen
from mqtui.ui.screens.export import export_messages

if TYPE_CHECKING:
    from mqtui.services.decoding import Decoder

PARTS = {
    "y": "value",
    "k": "key",
    "h": "headers",
    "p": "position",
    "r": "reference",
    "c": "command",
}
ASKED = "copy  " + " · ".join(f"{key} {part}" for key, part in PARTS.items()) + " · esc nothing"


class MessageCopier:
    """Copies and exports the messages of a screen. `target` is what a command line calls the broker."""

    def __init__(self, screen: ConsoleScreen, target: str, ref: Ref) -> None:
        self._screen = screen
        self._target = target
        self._ref = ref
        self._asked: Message | None = None

    def ask_part(self, message: Message | None) -> None:
        """Ask which part to copy; the next key answers."""
        if message is None:
            self._screen.prompt_line.flash("there is no message to copy")
            return
        self._asked = message
        self._screen.prompt_line.flash(ASKED, "accent")

    def hear(self, event: Key, message: Message | None) -> None:
        """Handle the two keys of a copy before the console does, so that they may be typed fast."""
        if self._asked is not None:
            chosen, self._asked = self._asked, None
            part = PARTS.get(event.character or "")
            if part is None:
                self._screen.prompt_line.flash("nothing copied", "text")
            else:
                copying = self._copy(chosen, part)
                self._screen.run_worker(copying, exclusive=True, group="copy", exit_on_error=False)
        elif event.key in self._screen.console.keymap.keys["thing.copy"]:
            self.ask_part(message)
        else:
            return
        event.stop()
        event.prevent_default()

    async def _copy(self, message: Message, part: str) -> None:
        prompt_line = self._screen.prompt_line
        text = part_of(message, part, self._target, message.resource)
        if text is None:
            prompt_line.flash(f"the message has no {part}")
            return
        await clipboard.copy_and_report(text, part, self._screen.console.copy_to_clipboard, prompt_line.flash)

    def open_editor(self, message: Message | None) -> None:
        """Show the value in the user's editor; edits are discarded."""
        text = part_of(message, "value", self._target, message.resource) if message is not None else None
        if text is None:
            self._screen.prompt_line.flash("there is no value to look at")
        else:
            self._screen.run_worker(self._edit(text), exclusive=True, group="editor", exit_on_error=False)

    async def _edit(self, text: str) -> None:
        if await edit_text(self._screen.app, text, ".json") is None:
            self._screen.prompt_line.flash("no editor: VISUAL and EDITOR are not set, or the terminal can't be lent")
        else:
            self._screen.prompt_line.flash("what was changed in the editor changed no message", "text")

    def export(self, messages: Sequence[Message], decoder: Decoder) -> None:
        exporting = export_messages(self._screen, self._ref.name, messages, decoder)
        self._screen.run_worker(exporting, exclusive=True, group="line", exit_on_error=False)


def part_of(message: Message, part: str, target: str, ref: Ref) -> str | None:
    """A part of a message as text, bytes that are not UTF-8 as base64; None where it has no such part."""
    match part:
        case "value":
            return _fields(message) if message.fields else _text(message.value)
        case "key":
            return _text(message.key)
        case "headers":
            found = headers(message, load_for_profile().conventions) if message.headers else []
            return "\n".join(f"{each.name}: {each.value}" for each in found) or None
        case "position":
            return str(message.position)
        case "reference":
            return reference(message, target, ref)
        case _:
            return command(message, target, ref)


def reference(message: Message, target: str, ref: Ref) -> str:
    """The text that leads to the message after `:`; an unacked message has no position, so it leads to the queue."""
    return goto.reference(target, ref, "" if isinstance(message.position, Delivery) else str(message.position))


def command(message: Message, target: str, ref: Ref) -> str:
    """The command line that shows the same message."""
    options: list[str] = []
    position = message.position
    if isinstance(position, Delivery):
        options += ["-n", str(position.tag)]
    else:
        options += ["--from", str(position), "-n", "1"]
    if isinstance(position, Offset) and position.partition >= 0:
        options += ["--partition", str(position.partition)]
    return name_quoting.join(name_quoting.command("peek", target, ref, *options))


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return to_base64(value)


def _fields(message: Message) -> str:
    return "\n".join(f"{name.decode('utf-8', 'replace')}={_text(content) or ''}" for name, content in message.fields)
