"""`s` on destinations: one id over all open brokers, its way, the price of queues once, what was not looked at."""

from __future__ import annotations

from mqtui.domain.field_table import string
from mqtui.domain.message import Outgoing
from tests.domain.dead_letters import death, x_death
from tests.ui.memory_shop import MemoryShop
from tests.ui.picture_steps import MAIN, NORMAL, open_shop
from tests.ui.pictures import Pictures

ORDER = "118203"


def invoice_dies(shop: MemoryShop) -> None:
    """The invoice of the order is dead in its queue."""
    headers = (
        ("x-exception-message", string("tax number DE81 unknown"), "string"),
        ("x-exception-fqcn", string("shop.invoicing.UnknownTaxNumber"), "string"),
        x_death(death("work.invoices", "rejected", seconds=shop.now // 1000)),
    )
    shop.rabbitmq.store(Outgoing(shop.invoices_dlq, b'{"inv":9931,"order":118203}', headers=headers))


@MAIN
async def test_find(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """Free places at once; queues after `r` and enter; hits in order of time, below them the way and what is left."""
    invoice_dies(frozen_shop)
    async with pictures.at(frozen_shop.console("shop"), size) as user:
        await open_shop(user, frozen_shop)
        await user.presses("s").sees("one id, as it stands").types(f"{ORDER} since:x").presses("enter")
        await user.sees("Not a duration").presses(*["backspace"] * 8).presses("enter").is_at("FindScreen")
        await user.sees("2 hits", "published", "settle: pen", "a look takes messages out")
        await user.presses("r").reads_in_prompt("enter reads 50 of each of 2 queues · esc no").presses("enter")
        await user.sees("3 hits", "8 of 8 looked at", "tax number")
        await pictures.shows(user)


async def test_hits_lead_to_the_message_and_a_price_is_declined(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """Enter opens the message, esc comes back to the hits; esc at the price reads nothing."""
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.presses("s").types(ORDER).presses("enter").is_at("FindScreen").sees("2 hits", "worker-7")
        await user.presses("r").reads_in_prompt("enter reads 50").presses("esc").sees("a look takes messages out")
        assert user.is_at("FindScreen") is user
        await user.presses("enter").is_at("MessagesScreen").presses("esc").is_at("FindScreen").sees("2 hits")
        await user.presses("s").presses(*["backspace"] * 6).types("nowhere-7").presses("enter").sees("nothing found")
