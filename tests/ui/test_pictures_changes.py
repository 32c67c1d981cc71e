"""Pictures of plans, runs and what is left of them. Each test says what a person must see."""

from __future__ import annotations

from tests.ui.memory_shop import MemoryShop
from tests.ui.picture_steps import MAIN, NORMAL, open_shop, review, run_first_letter, see_monitor_result
from tests.ui.pictures import Pictures


@MAIN
async def test_review(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """The plan, word for word the dry run: from, to, headers, stages, promise; nothing has happened."""
    async with pictures.at(frozen_shop.console("prod-eu"), size) as user:
        await review(user, frozen_shop)
        await pictures.shows(user)


async def test_review_typed(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """A protected profile: its name has to be typed on the prompt line; the plan stands above it as it stood."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await review(user, frozen_shop)
        await user.presses("enter").reads_in_prompt("type prod-eu").types("prod")
        await pictures.shows(user)


@MAIN
async def test_terms(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """Each term of the plan as a field, filled in as it stands; beside it the command they make."""
    async with pictures.at(frozen_shop.console("prod-eu"), size) as user:
        await review(user, frozen_shop)
        await user.presses("E").is_at("RedriveOptionsScreen").sees("Stop at", "5%")
        await pictures.shows(user)


async def test_run_first(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """One letter moved, 18 not touched; it is watched whether it passes and whether it comes back."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await run_first_letter(user, frozen_shop)
        await pictures.shows(user)


@MAIN
async def test_run_verdict(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """The first letter passed billing and did not come back; `enter` goes on with the other 18, `S` stops here."""
    async with pictures.at(frozen_shop.console("prod-eu"), size) as user:
        await see_monitor_result(user, frozen_shop)
        await pictures.shows(user)


async def test_run_report(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """Stopped after the first letter: what was moved, what never left, and one line for the ticket."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await see_monitor_result(user, frozen_shop)
        await user.presses("S").sees("report", "18 left")
        await pictures.shows(user)


async def test_discard(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """A discard is a plan too: how many, where they are kept, and that they can be put back."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.presses("enter").is_at("CausesScreen").on_row("SchemaMismatch").presses("D").sees("Discard all")
        await pictures.shows(user)


async def test_put_back(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """The plan of a put back: it marks letters unhandled, produces nothing, and says which copies were read already."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await see_monitor_result(user, frozen_shop)
        await user.presses("S").sees("report").presses("U").is_at("PutBackScreen").sees("mark")
        await pictures.shows(user)


async def test_runs(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """The run that was stopped: when, of which profile, how many were planned, moved and left."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await see_monitor_result(user, frozen_shop)
        await user.presses("S").sees("report").presses("5").is_at("RunsScreen").on_row("orders.DLQ")
        await pictures.shows(user)


async def test_run_letters(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """Each letter of the run with its outcome and where it is now."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await see_monitor_result(user, frozen_shop)
        await user.presses("S").sees("report").presses("5").is_at("RunsScreen").on_row("orders.DLQ")
        await user.presses("enter").is_at("RunLettersScreen").sees("moved")
        await pictures.shows(user)


async def test_audit(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """Who changed what, when, and how it ended; below, the same as a command."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await see_monitor_result(user, frozen_shop)
        await user.presses("S").sees("report").presses("6").is_at("AuditScreen").on_row("redrive")
        await pictures.shows(user)


async def test_reassign(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """42 entries of worker-7 go to the consumer with the fewest; who took one meanwhile keeps it."""
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.presses("2").is_at("GroupsScreen").moves_to("settle").presses("enter").is_at("PendingScreen")
        await user.sees("42, all read").presses("C").reads_in_prompt("claim 42").presses("enter").is_at("ClaimScreen")
        await pictures.shows(user)


async def test_publish(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """The form: key, headers and value; beside it what will happen, its partition, and the same as a command."""
    async with pictures.at(frozen_shop.console("dev"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.moves_to("orders").presses("P").is_at("PublishScreen").types("u7").sees("murmur2")
        await pictures.shows(user)


async def test_publish_plan(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """What is sent and where, before it is sent."""
    async with pictures.at(frozen_shop.console("dev"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.moves_to("orders").presses("P").is_at("PublishScreen").types("u7")
        await user.presses("ctrl+r").is_at("ConfirmPlanScreen").sees("publish")
        await pictures.shows(user)


async def test_profile(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """A profile in its form; the password goes to the keyring; beside it the command that does the same."""
    async with pictures.at(frozen_shop.console(), NORMAL) as user:
        await (
            user.is_at("HomeScreen")
            .moves_to("prod-eu")
            .presses("E")
            .is_at("ProfileFormScreen")
            .sees("kafka://prod:9092")
        )
        await pictures.shows(user)
