"""What of a pane's title stays where there is little room."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from mqtui.ui.render.pane_title import FRAME, fit_title
from mqtui.ui.render.table_model import shorten_middle

FACTS = "order trouble · 1,231 · 12 marked · ø groups"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (70, ("Destinations", FACTS)),
        (60, ("Destinations", "1,231 · 12 marked · ø groups")),
        (44, ("Destinations", "1,231 · 12 marked")),
        (30, ("Destinations", "1,231")),
        (20, ("Destinations", "")),
        (14, ("Dest…ions", "")),
    ],
)
def test_facts_leave_one_by_one_then_the_name_is_shortened(width: int, shown: tuple[str, str]) -> None:
    assert fit_title("Destinations", FACTS, width, "order trouble") == shown


@pytest.mark.parametrize(
    ("width", "name"),
    [
        (70, "prod-eu-checkout-west/rabbitmq: redrive 14 of 21"),
        (45, "prod-e…t-west/rabbitmq: redrive 14 of 21"),
        (36, "pr…t/rabbitmq: redrive 14 of 21"),
    ],
)
def test_of_a_plan_only_the_profile_is_shortened(width: int, name: str) -> None:
    assert fit_title("prod-eu-checkout-west/rabbitmq: redrive 14 of 21", "", width) == (name, "")


@pytest.mark.parametrize("name", ["a-long-name-of-a-topic", "长的名字在这里很长很长", "a\nb\x1bc" * 5])
def test_nothing_is_wider_than_its_room(name: str) -> None:
    for width in range(6, 60):
        shown, facts = fit_title(name, FACTS, width)
        assert cell_len(shown) + (cell_len(facts) + 2 if facts else 0) <= width - FRAME, width
        assert cell_len(shorten_middle(name, width)) <= max(width, 0) or not name.isprintable()
