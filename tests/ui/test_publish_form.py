"""The publish form: JSON marked where it breaks, names completed, sizes as sent, sent messages to send again."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from mqtui.ui.widgets.form import Form
from mqtui.ui.widgets.large_text_area import LargeTextArea
from tests.ui.driver import User, at_console
from tests.ui.memory_shop import MemoryShop


async def at_form(user: User) -> Form:
    await user.moves_to("dev").presses("enter").moves_to("orders").presses("P").is_at("PublishScreen")
    return user.screen.query_one(Form)


def focus(user: User, field: str) -> None:
    user.screen.set_focus(user.screen.query_one(f"#field-{field}"))


@pytest.mark.parametrize("size", [(80, 24), (120, 34)])
async def test_json_is_marked_where_it_breaks(dev: MemoryShop, size: tuple[int, int]) -> None:
    """Over several lines; what is plain text or whole is not marked."""
    async with at_console(dev.console(), size) as user:
        await at_form(user)
        focus(user, "value")
        await (
            user.types('{"a": 1,').presses("enter").types('"b": x}').sees("no JSON from line 2, column 6 on", '"b": x}')
        )
        await user.presses("backspace", "backspace").types("2}").sees_no("no JSON from")


async def test_names_of_headers_are_completed_from_the_newest_messages(dev: MemoryShop) -> None:
    async with at_console(dev.console()) as user:
        form = await at_form(user)
        area = form.query_one("#field-headers", LargeTextArea)
        await user.until(lambda: bool(area.names), "knows names")
        name = area.names[0]
        focus(user, "headers")
        await user.types(name[:2]).until(lambda: bool(area.suggestion), "suggests").presses("right")
        await user.until(lambda: area.text == f"{name}=", "has completed it")


async def test_the_size_is_the_same_in_the_form_and_in_the_plan(
    dev: MemoryShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With key, headers and encryption."""
    monkeypatch.setenv("MQTUI_KEY_BODY", Fernet.generate_key().decode())
    async with at_console(dev.console()) as user:
        form = await at_form(user)
        for field, text in (("key", "u7"), ("headers", "trace-id=4b"), ("value", "{}"), ("fernet", "body")):
            form.put(field, text)
        await user.sees("1 message, 112 B").presses("ctrl+r").is_at("ConfirmPlanScreen").sees("112 B")


async def test_a_mistake_stands_under_its_field(dev: MemoryShop) -> None:
    """Also on a narrow screen, where nothing stands beside the form; it goes once it is mended."""
    async with at_console(dev.console(), (80, 24)) as user:
        form = await at_form(user)
        form.put("partition", "first")
        await user.sees("Partition is a whole number").presses("ctrl+r").is_at("PublishScreen")
        form.put("partition", "1")
        form.put("headers", "trace")
        await user.sees_no("Partition is a whole number").sees("There is no = in it. Write it as NAME=VALUE.")
        form.put("headers", "trace=1")
        await user.sees_no("There is no = in it")


async def test_the_command_is_the_whole_form(dev: MemoryShop) -> None:
    async with at_console(dev.console()) as user:
        form = await at_form(user)
        for field, text in (("key", "u7"), ("headers", "a=1\nb=2"), ("value", "{}"), ("idempotency", "auto")):
            form.put(field, text)
        await user.sees("--key u7", "-H a=1", "-H b=2", "--idempotency-key auto")


async def test_a_sent_message_is_sent_again(dev: MemoryShop) -> None:
    """`ctrl+o` fills the form with it, in a form that was opened anew too; before there is one, it says so."""
    async with at_console(dev.console()) as user:
        form = await at_form(user)
        await user.presses("ctrl+o").reads_in_prompt("nothing was sent to orders from here yet")
        form.put("key", "u7")
        form.put("value", '{"n": 1}')
        await user.presses("ctrl+r").is_at("ConfirmPlanScreen").presses("enter").sees("1 of 1 done")
        await user.presses("esc").is_at("PublishScreen").presses("esc").is_at("DestinationsScreen")
        await user.presses("P").is_at("PublishScreen").presses("ctrl+o").reads_in_prompt("sent before, 1 of 1")
        again = user.screen.query_one(Form)
        await user.until(lambda: (again.value("key"), again.value("value")) == ("u7", '{"n": 1}'), "is filled")
        await user.presses("ctrl+r").is_at("ConfirmPlanScreen").presses("enter").sees("1 of 1 done")
