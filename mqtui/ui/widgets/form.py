"""Forms: rows of a label and a field, with errors under the fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from mqtui.domain.errors import BadInput
from mqtui.domain.printable import printable
from mqtui.ui.widgets.large_text_area import MAX_DRAWN, LargeTextArea


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `lines` above 1 makes a text area, `secret` hides what is typed.

    `choices` are its usual values: up and down go through them. Where `section` differs from that of the field before,
    it stands above. `names` are completed while typing: the right arrow takes what is suggested.
    """

    key: str
    label: str
    value: str = ""
    hint: str = ""
    lines: int = 1
    secret: bool = False
    choices: tuple[str, ...] = ()
    section: str = ""
    names: tuple[str, ...] = ()


class FieldError(Exception):
    """A field that can't be read."""

    def __init__(self, key: str, error: BadInput) -> None:
        super().__init__(error.title)
        self.key, self.cause = key, error

    @property
    def text(self) -> str:
        """What stands under the field: what is wrong, and what to do."""
        return ". ".join(part for part in (self.cause.title, self.cause.hint) if part)


class Form(VerticalScroll):
    """Fields below each other; `values` reads them all.

    What is typed is kept in `draft`, which stands in the fields when the form is opened again; secrets are not kept.
    """

    DEFAULT_CSS = """
    Form { width: 1fr; height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    Form Horizontal { height: auto; }
    Form .label { width: 16; color: $muted; padding: 0 1; }
    Form .option { width: 26; }
    Form .section { color: $muted; padding: 1 1 0 1; height: auto; text-style: bold; }
    Form Input { width: 1fr; height: 1; border: none; padding: 0 1; background: $raised; color: $text; }
    Form Input:focus { border: none; background: $cursor; }
    Form LargeTextArea { width: 1fr; border: none; padding: 0 1; background: $raised; color: $text; }
    Form LargeTextArea:focus { border: none; background: $cursor; }
    Form .fault { color: $danger; padding: 0 1 0 17; height: auto; display: none; }
    Form .fault.-shown { display: block; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "choose(1)", show=False),
        Binding("up", "choose(-1)", show=False),
    ]

    def __init__(self, fields: Iterable[Field], draft: dict[str, str] | None = None) -> None:
        super().__init__()
        self.fields = tuple(fields)
        self.draft = {} if draft is None else draft
        self._began = {field.key: field.value for field in self.fields}

    def compose(self) -> ComposeResult:
        yield from _rows(self.fields, self.draft)

    async def replace_fields(self, keep: int, fields: Iterable[Field]) -> None:
        """Keep the first fields as they are, with what is typed, and show others below them."""
        gone = {field.key for field in self.fields[keep:]}
        typed = {**self.draft, **{key: self.value(key) for key in gone}}
        last = self.query_one(f"#fault-{self.fields[keep - 1].key}")
        rows = list(self.children)
        others = tuple(fields)
        self._began |= {each.key: each.value for each in others}
        self.fields = (*self.fields[:keep], *(replace(each, value=typed.get(each.key, each.value)) for each in others))
        with self.app.batch_update():
            await self.remove_children(rows[rows.index(last) + 1 :])
            await self.mount_all(_rows(self.fields[keep:], {}))

    def field_of(self, widget: Widget) -> Field | None:
        """The field that a widget belongs to."""
        return next((field for field in self.fields if widget.id == f"field-{field.key}"), None)

    def action_choose(self, step: int) -> None:
        """Put the next usual value into the field; a field without any lets the form scroll."""
        field = self.field_of(self.screen.focused) if self.screen.focused else None
        if field is None or not field.choices:
            self.scroll_relative(y=step, animate=False)
            return
        now = self.value(field.key)
        place = field.choices.index(now) + step if now in field.choices else 0 if step > 0 else -1
        self.put(field.key, field.choices[place % len(field.choices)])

    def on_mount(self) -> None:
        """Put the texts back that are too large to draw; the cursor stands behind each text, as in one-line fields."""
        for area in self.query(LargeTextArea):
            area.move_to_end()
        for key, text in [*self.draft.items()]:
            if len(text) > MAX_DRAWN:
                self.put(key, text)

    @on(Input.Changed)
    @on(TextArea.Changed)
    def _keep_draft(self) -> None:
        """Keep the texts that are not what the form began with."""
        if self.is_mounted:
            shown = [field.key for field in self.fields if not field.secret and self.query(f"#field-{field.key}")]
            texts = {key: self.value(key) for key in shown}
            self.draft.clear()
            self.draft |= {key: text for key, text in texts.items() if text != self._began[key]}

    def values(self) -> dict[str, str]:
        """The fields' texts by key."""
        return {field.key: self.value(field.key) for field in self.fields}

    def value(self, key: str) -> str:
        widget = self.query_one(f"#field-{key}")
        return (
            widget.content if isinstance(widget, LargeTextArea) else widget.value if isinstance(widget, Input) else ""
        )

    def put(self, key: str, text: str) -> None:
        widget = self.query_one(f"#field-{key}")
        if isinstance(widget, LargeTextArea):
            widget.fill(text)
        elif isinstance(widget, Input):
            widget.value = text
            widget.cursor_position = len(text)

    def suggest(self, key: str, names: Iterable[str]) -> None:
        """Complete other names in a text area from here on."""
        widget = self.query_one(f"#field-{key}")
        if isinstance(widget, LargeTextArea):
            widget.names = tuple(names)

    def show_error(self, key: str, text: str) -> None:
        """Show an error under a field; "" hides it."""
        shown = self.query_one(f"#fault-{key}", Static)
        shown.update(printable(text))
        shown.set_class(bool(text), "-shown")

    def clear_errors(self) -> None:
        for field in self.fields:
            self.show_error(field.key, "")

    def focus_first(self) -> None:
        """Focus the first field, at once: the next key is for it already."""
        if self.fields:
            self.screen.set_focus(self.query_one(f"#field-{self.fields[0].key}"))


def _rows(fields: Sequence[Field], draft: Mapping[str, str]) -> Iterator[Widget]:
    """The widgets of fields: sections, rows of label and input, and room for the error of each."""
    section = ""
    for field in fields:
        if field.section != section:
            section = field.section
            yield Static(printable(section), classes="section", markup=False)
        label = Static(printable(field.label), classes="label option" if section else "label", markup=False)
        yield Horizontal(label, _input(field, draft.get(field.key, field.value)))
        yield Static("", id=f"fault-{field.key}", classes="fault", markup=False)


def _input(field: Field, text: str) -> Widget:
    name = f"field-{field.key}"
    if field.lines > 1:
        drawn = text if len(text) <= MAX_DRAWN else ""
        area = LargeTextArea(drawn, id=name, tab_behavior="focus", show_line_numbers=False)
        area.styles.height = field.lines
        area.names = field.names
        return area
    suggester = SuggestFromList(field.names, case_sensitive=True) if field.names else None
    return Input(
        text,
        placeholder=field.hint,
        password=field.secret,
        id=name,
        select_on_focus=False,
        suggester=suggester,
    )
