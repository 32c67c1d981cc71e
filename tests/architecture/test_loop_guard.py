"""The guard over the event loop finds what it is there to find."""

from __future__ import annotations

from typing import Any

import pytest

from mqtui.brokers.blocking import run_in_thread
from mqtui.state.journal import Journal
from tests.architecture.house import modules, shown
from tests.loop_guard import ROOT, nothing_blocks

PRODUCT: dict[str, Any] = {"run_in_thread": run_in_thread}
SOURCE = """
async def waits_for_the_disk(runs):
    return runs.list_runs()

async def asks_a_thread(runs):
    return await run_in_thread("journal", runs.list_runs)
"""
exec(compile(SOURCE, f"{ROOT}/made_up.py", "exec"), PRODUCT)


async def test_a_coroutine_that_waits_for_the_disk_is_found() -> None:
    runs = Journal()
    with (
        pytest.raises(AssertionError, match=r"Database\.reading by .*made_up\.py:3 waits_for_the_disk"),
        nothing_blocks(),
    ):
        await PRODUCT["waits_for_the_disk"](runs)
    runs.close()


async def test_what_a_thread_or_the_test_itself_asks_is_not() -> None:
    runs = Journal()
    with nothing_blocks():
        assert await PRODUCT["asks_a_thread"](runs) == []
        assert runs.list_runs() == []
    runs.close()


def test_long_work_yields_in_one_way() -> None:
    """A bare `sleep(0)` lets one step of a key through; what it waits for then stands behind the next slice."""
    own = {"mqtui/ui/key_queue.py", "mqtui/brokers/rabbitmq/publish.py", "mqtui/services/jsonlines_reader.py"}
    assert {shown(path) for path in modules() if "asyncio.sleep(0)" in path.read_text()} == own
