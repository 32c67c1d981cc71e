"""A plan in a scrolling view: its details are folded where they would not fit, and it knows what was in sight."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.ui.render.plan import PlanText
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.widgets.text_view import TextView

OVERLAP = 1
"""Rows that stay in sight when it is read on."""


class PlanView(TextView):
    """Shows what must be read, the details or their summary, then what follows: buttons, progress or outcome."""

    def __init__(self) -> None:
        super().__init__()
        self._plan = PlanText()
        self._after: Sequence[StyledLine] = ()
        self._chosen: bool | None = None
        """Whether the user asked for the details or for the summary; None where room decides."""

        self._read = 0
        """Rows from the top that have been in sight."""

        self.is_folded = False

    def show(self, plan: PlanText, after: Sequence[StyledLine]) -> None:
        """Show a plan and what follows it."""
        if plan != self._plan:
            self._plan, self._read = plan, 0
            self.scroll_to(y=0, animate=False)
        self._after = after
        self._lay_out()

    @property
    def has_details(self) -> bool:
        """Whether there are details to fold."""
        return bool(self._plan.details)

    def toggle_details(self) -> None:
        """Fold or unfold the details; from here on the choice stands."""
        self._chosen = not self.is_folded
        self._lay_out()
        self.scroll_to(y=0, animate=False)

    def unread_rows(self) -> int:
        """How many rows that must be read have not been in sight yet."""
        self._note_sight()
        return max(0, self.count_rows(self._plan.required) - self._read)

    def read_on(self) -> None:
        """Scroll to the rows that have not been in sight."""
        self.scroll_to(y=max(0, self._read - OVERLAP), animate=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Note what comes into sight."""
        super().watch_scroll_y(old_value, new_value)
        self._note_sight()

    def _note_sight(self) -> None:
        if self.scroll_offset.y <= self._read:
            self._read = max(self._read, self.scroll_offset.y + self.scrollable_content_region.height)

    def _lay_out(self) -> None:
        plan, after = self._plan, self._after
        unfolded = [*plan.required, *plan.details, [], *after]
        fits = self.count_rows(unfolded) <= self.scrollable_content_region.height
        self.is_folded = bool(plan.details) and (not fits if self._chosen is None else self._chosen)
        if self.is_folded:
            summary = [("▸ ", "accent"), (f"{plan.summary}   ", "muted"), ("d", "accent"), (" shows them", "muted")]
            self._lines = [*plan.required, summary, [], *after]
        else:
            self._lines = unfolded
        super()._lay_out()
