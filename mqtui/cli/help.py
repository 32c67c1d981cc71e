"""`mqtui help`."""

from __future__ import annotations

import sys

import click

from mqtui.cli.output import current_output
from mqtui.cli.run_command import exit_on_error


@click.command("help")
@click.argument("topic", required=False, default="")
def help(*, topic: str) -> None:  # noqa: A001  # the command's name
    """The manual: without TOPIC its pages, else the page of a topic or a command."""
    output = current_output(json=False)
    with exit_on_error(output):
        from mqtui.services.manual import find_page, list_pages

        if not topic:
            output.table(("PAGE", "ABOUT"), [(page.name, page.title) for page in list_pages()], first_to_go=("ABOUT",))
            return
        page = find_page(topic)
        if sys.stdout.isatty():
            output.markdown(page.text)
        else:
            output.block(page.text.rstrip("\n"))
