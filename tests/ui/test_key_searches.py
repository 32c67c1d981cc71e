"""A key is answered without a search of the whole tree of widgets."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from textual.css.query import DOMQuery

from tests.memory import MemoryWorld
from tests.ui.destination_console import message, open_destination


async def test_moving_in_a_list_searches_for_no_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key asks several times whether the screen is ready, and draws titles and hints."""
    world = MemoryWorld()
    server = world.kafka()
    ref = server.make("orders")
    for number in range(3):
        server.put(message(ref, b'{"id":%d}' % number, b"u7"))
    searches: list[str] = []
    create = DOMQuery.__init__

    def count(query: DOMQuery[Any], *given: Any, **named: Any) -> None:
        searches.append("".join(traceback.format_stack(limit=4)[:-1]))
        create(query, *given, **named)

    async with open_destination(world, "kafka://memory:9092", ref) as opened:
        await opened.see('"id": 2')
        await opened.user.presses("g").sees('"id": 0')
        monkeypatch.setattr(DOMQuery, "__init__", count)
        await opened.user.presses("j").sees('"id": 1').presses("G").sees('"id": 2')
        monkeypatch.undo()
    ours = [search for search in searches if "/mqtui/ui/" in search]
    assert ours == [], f"{len(ours)} searches, the first:\n{ours[0]}"
