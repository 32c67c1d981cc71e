"""`mqtui schema-of`."""

from __future__ import annotations

import click

from mqtui.cli.output import current_output
from mqtui.cli.run_command import exit_on_error
from mqtui.domain.errors import BadInput


@click.command("schema-of")
@click.argument("words", nargs=-1, metavar="[COMMAND ...]")
@click.option("--markdown", is_flag=True, help="Print the manual's page of all commands instead.")
def schema_of(*, words: tuple[str, ...], markdown: bool) -> None:
    r"""Print the JSON Schema of each line that COMMAND prints with --json; of stderr: errors.

    \b
    mqtui schema-of peek
    mqtui schema-of runs show
    """
    output = current_output(json=False)
    with exit_on_error(output):
        if markdown:
            from mqtui.services.json_reference import json_reference

            output.block(json_reference().rstrip("\n"))
            return
        if not words:
            raise BadInput("Of which command?", "", "For example: mqtui schema-of peek")
        import orjson

        from mqtui.services.json_schema import schema_of

        output.raw(orjson.dumps(schema_of(" ".join(words)), option=orjson.OPT_INDENT_2))
