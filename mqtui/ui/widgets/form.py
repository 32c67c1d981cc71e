"""Forms: rows of a label and a field, with errors under the fields."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Static

from mqtui.domain.printable import printable
from mqtui.ui.widgets.large_text_area import LargeTextArea


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `lines` above 1 makes a text area, `secret` hides what is typed."""

    key: str
    label: str
    value: str = ""
    hint: str = ""
    lines: int = 1
    secret: bool = False


class Form(VerticalScroll):
    """Fields below each other; `values` reads them all."""

    DEFAULT_CSS = """
    Form { width: 1fr; height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    Form Horizontal { height: auto; }
    Form .label { width: 16; color: $muted; padding: 0 1; }
    Form Input { width: 1fr; height: 1; border: none; padding: 0 1; background: $raised; color: $text; }
    Form Input:focus { border: none; background: $cursor; }
    Form LargeTextArea { width: 1fr; border: none; padding: 0 1; background: $raised; color: $text; }
    Form LargeTextArea:focus { border: none; background: $cursor; }
    Form .fault { color: $danger; padding: 0 1 0 17; height: auto; display: none; }
    Form .fault.-shown { display: block; }
    """

    def __init__(self, fields: Iterable[Field], *, id: str | None = None) -> None:  # noqa: A002 - the widget's own name
        super().__init__(id=id)
        self.fields = tuple(fields)

    def compose(self) -> ComposeResult:
        for field in self.fields:
            with Horizontal():
                yield Static(printable(field.label), classes="label", markup=False)
                if field.lines > 1:
                    area = LargeTextArea(
                        field.value, id=f"field-{field.key}", tab_behavior="focus", show_line_numbers=False
                    )
                    area.styles.height = field.lines
                    yield area
                else:
                    yield Input(
                        field.value,
                        placeholder=field.hint,
                        password=field.secret,
                        id=f"field-{field.key}",
                        select_on_focus=False,
                    )
            yield Static("", id=f"fault-{field.key}", classes="fault", markup=False)

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
