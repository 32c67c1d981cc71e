"""A message in detail: time and size, value, headers, and the report of its decoders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from mqtui.domain.convention import Conventions
from mqtui.domain.message import Message
from mqtui.domain.times import format_time
from mqtui.services.decoding import PLAIN, Decoder
from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render import figures
from mqtui.ui.render.messages.headers import HeaderRow, headers, lay_out_headers, properties
from mqtui.ui.render.messages.messages import time_of
from mqtui.ui.render.messages.payload import FixedLines, clean
from mqtui.ui.render.messages.payload_forms import VALUE_FORMS, DecodedValue, is_large, next_form, render_value, report
from mqtui.ui.widgets import theme_styles
from mqtui.ui.widgets.pane import PaneTitle
from mqtui.ui.widgets.payload_view import EMPTY, PayloadView

TABS = ("value", "headers", "report")
SHOW_READING_AFTER = 0.15
"""Seconds after which `reading …` is shown."""

SHARE = 0.4
"""Share of the height that headers take at most."""


class Caption(Widget):
    """One line of muted text."""

    DEFAULT_CSS = "Caption { height: 1; }"

    text: reactive[str] = reactive("")

    def render_line(self, y: int) -> Strip:
        style = theme_styles.styles_of(self.app).style("muted")
        glyphs: Glyphs = getattr(self.app, "glyphs", Glyphs())
        return Strip([theme_styles.segment(glyphs(f" {self.text}"), style)]).adjust_cell_length(self.size.width, style)


class MessageDetailPane(Vertical):
    """Shows one message; form, tab and wrapping stay when another one is shown."""

    DEFAULT_CSS = """
    MessageDetailPane { width: 1fr; height: 1fr; }
    MessageDetailPane > #value { height: 1fr; }
    MessageDetailPane > #headers { height: auto; max-height: 40%; }
    MessageDetailPane.-headers > #value, MessageDetailPane.-headers > Caption { display: none; }
    MessageDetailPane.-headers > #headers { height: 1fr; max-height: 100%; }
    MessageDetailPane.-report > #headers, MessageDetailPane.-report > #headers-head { display: none; }
    """

    def __init__(
        self,
        conventions: Conventions,
        decoder: Callable[[], Decoder] = lambda: PLAIN,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        """`decoder` gives the decoder of the moment: it is loaded while messages are shown already."""
        super().__init__(id=id)
        self._decoder = decoder
        self.head = PaneTitle()
        self.caption = Caption()
        self.value = PayloadView(id="value")
        self.headers_head = PaneTitle(id="headers-head")
        self.headers = PayloadView(id="headers")
        self.message: Message | None = None
        self._drawn: Message | None = None
        """The message whose parts are shown, perhaps without its value yet."""

        self.form = VALUE_FORMS[0]
        self.tab = TABS[0]
        self.look: DecodedValue | None = None
        self._conventions = conventions
        self._listed: Sequence[HeaderRow] = ()
        self._titled = ""

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.caption
        yield self.value
        yield self.headers_head
        yield self.headers

    def on_mount(self) -> None:
        for view in (self.value, self.headers):
            view.glyphs = getattr(self.app, "glyphs", Glyphs())
        self._draw_rule()

    def on_descendant_focus(self) -> None:
        self.head.focused_pane, self.headers_head.focused_pane = self.value.has_focus, self.headers.has_focus

    def on_descendant_blur(self) -> None:
        self.head.focused_pane = self.headers_head.focused_pane = False

    # -- what is shown

    def show(self, message: Message | None, name: str) -> None:
        """Show a message; nothing changes where it is shown already."""
        if message is self.message and name == self._titled:
            return
        self.message, self._titled = message, name
        self.draw()

    def draw(self) -> None:
        """Render the message again; a large one in a thread."""
        message = self.message
        if message is None:
            self._put(None, None)
        elif is_large(message):
            if message is not self._drawn:
                self._put(message, None)  # nothing of another message stays
            self.run_worker(self._draw_later(message), exclusive=True, group="detail", exit_on_error=False)
        else:
            self.workers.cancel_group(self, "detail")
            self._put(message, render_value(message, self.form, self._decoder()))

    async def _draw_later(self, message: Message) -> None:
        late = self.set_timer(SHOW_READING_AFTER, self._say_late, name="late")
        try:
            look = await asyncio.to_thread(render_value, message, self.form, self._decoder())
        finally:
            late.stop()
        if message is self.message and self.is_attached:
            self._put(message, look)

    def _say_late(self) -> None:
        if self.message is not None:
            self.value.show(FixedLines([[(f"reading {figures.size(self.message.size)} …", "muted")]]))

    def _put(self, message: Message | None, look: DecodedValue | None) -> None:
        self.look, self._drawn = look, message
        self._listed = [*properties(message), *headers(message, self._conventions)] if message is not None else []
        self.caption.text = "" if message is None or look is None else caption(message, look, self.form)
        self._draw_rule()
        self._draw_value()
        self._draw_headers()

    def _draw_value(self) -> None:
        if self.look is None or self.message is None:
            self.value.show(EMPTY)
        else:
            self.value.show(report(self.look, self.message) if self.tab == "report" else self.look.document)

    def _draw_headers(self) -> None:
        self.headers.show(lay_out_headers(self._listed, unfolded=self.headers.wrap))

    def _draw_rule(self) -> None:
        faces = "  ".join(f"▸{face}" if face == self.tab else f" {face}" for face in TABS)
        self.head.name_shown, self.head.facts = clean(self._titled), faces if self.message is not None else ""
        self.headers_head.name_shown = counted(self.message, len(self._listed))
        self.headers_head.display = bool(self._listed) and self.tab != "report"
        self.headers.display = bool(self._listed) and self.tab != "report"
        self.set_class(self._shows_headers_alone, "-headers")

    @property
    def _shows_headers_alone(self) -> bool:
        """A message without headers keeps its value in sight on that tab."""
        return self.tab == "headers" and bool(self._listed)

    # -- ways of looking

    def show_next_tab(self, step: int) -> None:
        """Show another tab: value, headers, report."""
        has_focus = self.value.has_focus or self.headers.has_focus
        self.tab = TABS[(TABS.index(self.tab) + step) % len(TABS)]
        self.set_class(self.tab == "report", "-report")
        self._draw_rule()
        self._draw_value()
        if has_focus:
            self.focus_content()

    def show_next_form(self) -> str:
        """Show the value in the next form; its name."""
        self.form = next_form(self.message, self.form, self._decoder())
        self.draw()
        return self.form

    def toggle_wrap(self) -> bool:
        """Wrap long lines and unfold headers, or undo it; whether it does now."""
        self.value.toggle_wrap()
        self.headers.toggle_wrap()
        self._draw_headers()
        return self.value.wrap

    def focus_content(self) -> None:
        """Focus the tab that is shown."""
        (self.headers if self._shows_headers_alone else self.value).focus()


def caption(message: Message, look: DecodedValue, form: str) -> str:
    """Time with its zone, size, codec."""
    stamp = time_of(message)
    parts = [] if stamp is None else [iso(stamp)]
    parts += [figures.size(message.size), look.codec]
    if sealed := next((each.why for each in look.attempts if each.codec == "fernet" and each.why), ""):
        parts.append(f"sealed (Fernet): {sealed}")
    if form != "auto":
        parts.append("i: another way")
    return " · ".join(parts)


def counted(message: Message | None, listed: int) -> str:
    """`headers 3`, `fields 4`, or `headers 3, properties 8` of what is listed."""
    if message is None or message.fields:
        return f"fields {listed}"
    own = len(message.headers)
    return f"headers {own}, properties {listed - own}" if listed > own else f"headers {own}"


def iso(stamp: int) -> str:
    """Local time with its zone; `stamp` is ms since the epoch."""
    zone = format_time(stamp, "%z")
    return format_time(stamp, f"%Y-%m-%d %H:%M:%S.%f {zone[:3]}:{zone[3:5]}")
