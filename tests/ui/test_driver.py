"""The driver of the console's tests finds what a test forgets."""

from __future__ import annotations

import pytest

from tests.ui.driver import at_console
from tests.ui.memory_shop import MemoryShop


async def test_a_chain_that_is_never_awaited_fails(shop: MemoryShop) -> None:
    with pytest.raises(AssertionError, match="never awaited"):
        async with at_console(shop.console()) as user:
            user.is_at("WelcomeScreen").sees("words that are nowhere")
