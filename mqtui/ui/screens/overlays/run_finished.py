"""Reporting the end of a run while another screen is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mqtui.ui.session.putback_task import PutBackTask
from mqtui.ui.session.run_task import RunTask
from mqtui.ui.session.sessions import BackgroundTask

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi


async def report_end(console: ConsoleApi, task: BackgroundTask) -> None:
    """Wait for the end of a run, poll its results, and show a toast unless the run's own screen is shown."""
    await task.wait()
    for broker_session in console.broker_sessions:
        if broker_session.poller is not None:
            broker_session.poller.poll_now()
    if console.is_running and getattr(console.screen, "background_task", None) is not task:
        text, tone = describe_end(task)
        console.toasts.show(text, tone)


def describe_end(task: BackgroundTask) -> tuple[str, str]:
    """How a run ended: text and tone."""
    match task:
        case RunTask(error=error) | PutBackTask(error=error) if error is not None:
            return f"✗ {task.describe()}: {error.title}. 5 shows the runs", "danger"
        case RunTask(result=result) | PutBackTask(result=result) if result is not None:
            back = f", {result.came_back:,} came back" if result.came_back else ""
            well = result.whole and not result.came_back
            name = task.describe().partition(",")[0]
            return f"{name}: {result.moved:,} of {result.planned:,} moved{back}", "ok" if well else "warn"
        case _:
            return f"{task.describe()} ended", "text"
