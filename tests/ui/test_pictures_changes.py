"""Pictures of plans, runs and what is left of them. Each test says what a person must see."""

from __future__ import annotations

from tests.ui.memory_shop import MemoryShop
from tests.ui.pictures import Album
from tests.ui.scenes import MAIN, NORMAL, first_letter, open_shop, review, verdict


@MAIN
async def test_review(still: MemoryShop, album: Album, size: tuple[int, int]) -> None:
    """The plan, word for word the dry run: from, to, headers, stages, promise; nothing has happened."""
    async with album.at(still.console("prod-eu"), size) as user:
        await review(user, still)
        await album.shows(user)


async def test_review_typed(still: MemoryShop, album: Album) -> None:
    """A protected profile: its name has to be typed on the line; the plan stands above it as it stood."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await review(user, still)
        await user.presses("enter").reads_in_line("type prod-eu").types("prod")
        await album.shows(user)


@MAIN
async def test_terms(still: MemoryShop, album: Album, size: tuple[int, int]) -> None:
    """Each term of the plan as a field, filled in as it stands; beside it the command they make."""
    async with album.at(still.console("prod-eu"), size) as user:
        await review(user, still)
        await user.presses("E").is_at("RedriveOptionsScreen").sees("Stop at", "5%")
        await album.shows(user)


async def test_run_first(still: MemoryShop, album: Album) -> None:
    """One letter moved, 18 not touched; it is watched whether it passes and whether it comes back."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await first_letter(user, still)
        await album.shows(user)


@MAIN
async def test_run_verdict(still: MemoryShop, album: Album, size: tuple[int, int]) -> None:
    """The first letter passed billing and did not come back; `enter` goes on with the other 18, `S` stops here."""
    async with album.at(still.console("prod-eu"), size) as user:
        await verdict(user, still)
        await album.shows(user)


async def test_run_report(still: MemoryShop, album: Album) -> None:
    """Stopped after the first letter: what was moved, what never left, and one line for the ticket."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await verdict(user, still)
        await user.presses("S").sees("report", "18 left")
        await album.shows(user)


async def test_discard(still: MemoryShop, album: Album) -> None:
    """A discard is a plan too: how many, where they are kept, and that they can be put back."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await open_shop(user, still)
        await user.presses("enter").is_at("CausesScreen").on_row("SchemaMismatch").presses("D").sees("Discard all")
        await album.shows(user)


async def test_put_back(still: MemoryShop, album: Album) -> None:
    """The plan of a put back: it marks letters unhandled, produces nothing, and says which copies were read already."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await verdict(user, still)
        await user.presses("S").sees("report").presses("U").is_at("PutBackScreen").sees("mark")
        await album.shows(user)


async def test_runs(still: MemoryShop, album: Album) -> None:
    """The run that was stopped: when, of which profile, how many were planned, moved and left."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await verdict(user, still)
        await user.presses("S").sees("report").presses("5").is_at("RunsScreen").on_row("orders.DLQ")
        await album.shows(user)


async def test_run_letters(still: MemoryShop, album: Album) -> None:
    """Each letter of the run with its outcome and where it is now."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await verdict(user, still)
        await user.presses("S").sees("report").presses("5").is_at("RunsScreen").on_row("orders.DLQ")
        await user.presses("enter").is_at("RunLettersScreen").sees("moved")
        await album.shows(user)


async def test_audit(still: MemoryShop, album: Album) -> None:
    """Who changed what, when, and how it ended; below, the same as a command."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await verdict(user, still)
        await user.presses("S").sees("report").presses("6").is_at("AuditScreen").on_row("redrive")
        await album.shows(user)


async def test_reassign(still: MemoryShop, album: Album) -> None:
    """42 entries of worker-7 go to the consumer with the fewest; who took one meanwhile keeps it."""
    async with album.at(still.console("shop"), NORMAL) as user:
        await open_shop(user, still)
        await user.presses("2").is_at("GroupsScreen").walks_to("settle").presses("enter").is_at("PendingScreen")
        await user.sees("42, all read").presses("C").reads_in_line("reassign 42").presses("enter").is_at("ClaimScreen")
        await album.shows(user)


async def test_publish(still: MemoryShop, album: Album) -> None:
    """The form: key, headers and value; beside it what will happen, its partition, and the same as a command."""
    async with album.at(still.console("dev"), NORMAL) as user:
        await open_shop(user, still)
        await user.walks_to("orders").presses("P").is_at("PublishScreen").types("u7").sees("murmur2")
        await album.shows(user)


async def test_publish_plan(still: MemoryShop, album: Album) -> None:
    """What is sent and where, before it is sent."""
    async with album.at(still.console("dev"), NORMAL) as user:
        await open_shop(user, still)
        await user.walks_to("orders").presses("P").is_at("PublishScreen").types("u7")
        await user.presses("ctrl+r").is_at("ConfirmPlanScreen").sees("publish")
        await album.shows(user)


async def test_profile(still: MemoryShop, album: Album) -> None:
    """A profile in its form; the password goes to the keyring; beside it the command that does the same."""
    async with album.at(still.console(), NORMAL) as user:
        await (
            user.is_at("HomeScreen")
            .walks_to("prod-eu")
            .presses("E")
            .is_at("ProfileFormScreen")
            .sees("kafka://prod:9092")
        )
        await album.shows(user)
