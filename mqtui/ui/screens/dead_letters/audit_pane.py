"""A pane with earlier changes to a destination's dead letters, beside a letter where there is room."""

from __future__ import annotations

import asyncio

from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import pluralize
from mqtui.domain.resource import Ref
from mqtui.state.audit import Audit
from mqtui.ui.render.audit import MAX_ENTRIES, merge_begin_and_end, summarize_change
from mqtui.ui.render.messages.payload import FixedLines
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.payload_view import PayloadView


class AuditPane(Pane):
    """What the audit has on one destination, the newest first."""

    def __init__(self, ref: Ref) -> None:
        self.view = PayloadView()
        super().__init__(self.view, name=f"Audit of {ref.name}", id="audit")
        self.add_class("around")
        self.ref = ref

    def on_show(self) -> None:
        """Read the audit when the pane is first shown."""
        self.run_worker(self._read(), exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        try:
            entries = await asyncio.to_thread(Audit().entries, MAX_ENTRIES)
        except MqtuiError as error:
            self.view.show(FixedLines([[(f"✗ {error.title}", "danger")], [(error.detail, "")]]))
            return
        own = [line for line in merge_begin_and_end(entries) if str(self.ref) in line.begin.on]
        self.title(self.head.name_shown, pluralize(len(own), "change") if own else "")
        self.view.show(
            FixedLines(
                [cells for line in own for cells in summarize_change(line)] or [[("nothing was changed here", "muted")]]
            )
        )
