"""A put back as a background task: it goes on when its screen is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Result
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Ref
from mqtui.services.redrive.putback import putback
from mqtui.services.redrive.putback.putback import PlannedPutBack
from mqtui.services.redrive.run.journal_writer import open_journal
from mqtui.services.session import Session
from mqtui.state.crash_report import report_crash


@dataclass(slots=True)
class PutBackTask:
    """One put back. `error` says why it failed. It can't be stopped half way."""

    session: Session
    back: PlannedPutBack
    consent: Consent
    changed: Callable[[], None] = lambda: None
    result: Result | None = None
    error: MqtuiError | None = None
    _task: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """The run's id, which is its plan's."""
        return self.back.plan.id

    @property
    def is_running(self) -> bool:
        """Whether it is still under way."""
        return self._task is not None and not self._task.done()

    @property
    def source(self) -> Ref:
        return self.back.record.source

    def describe(self) -> str:
        """What it does, in words."""
        return f"put back of {self.back.record.id[:4].upper()}, {pluralize(len(self.back.names), 'letter')}"

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"put back {self.id[:4]}")

    async def _run(self) -> None:
        try:
            async with open_journal() as journal:
                self.result = await putback.run_put_back(self.session, self.back, journal, self.consent)
        except MqtuiError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - reported as an internal error, not as an ordinary end
            self.error = report_crash(error)
        finally:
            self.changed()

    def stop(self) -> None:
        """Nothing: it is short, and ends by itself."""

    async def wait(self) -> None:
        """Wait for its end."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
