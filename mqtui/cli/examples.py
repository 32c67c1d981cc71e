"""Examples of every command, which its `--help` ends with."""

from __future__ import annotations

import click

from mqtui.cli import options

TIMES = "Times: 14:02, -15m (ago), 2026-11-28, 2026-11-28T14:02:00+01:00."
DURATIONS = "Durations: 200ms, 30s, 5m, 2h, 6d, 1h30m."
POSITIONS = "Positions: oldest, newest, 4/118203 (Kafka), 1795475111678-0 (Redis)."

EXAMPLES = {
    "demo": ("mqtui demo", "mqtui demo --only redis --headless"),
    "ls": ("mqtui ls kafka://localhost:9092", "mqtui ls shop --kind queue --filter 'orders*'", "mqtui ls shop -o csv"),
    "describe": ("mqtui describe shop orders", "mqtui describe shop orders --only config --json"),
    "partitions": ("mqtui partitions shop orders", "mqtui partitions shop orders --key u7"),
    "topology": ("mqtui topology shop",),
    "peek": (
        "mqtui peek shop orders",
        "mqtui peek shop/kafka orders --from -15m -n 100",
        "mqtui peek shop orders --from 4/118203 --json",
    ),
    "tail": ("mqtui tail shop orders", "mqtui tail shop orders -n 5 --json"),
    "search": (
        "mqtui search shop orders --grep AB-991",
        "mqtui search shop orders '.total > 100 and .user == \"u7\"' --from -2h",
        "mqtui search shop 'orders*' '.amount == null' --count",
    ),
    "find": (
        "mqtui find shop AB-991",
        "mqtui find kafka://localhost:9092 redis://localhost AB-991 --since 2h",
        "mqtui find shop AB-991 --depth 100000 --yes-spend --json",
    ),
    "export": (
        "mqtui export shop orders --out orders.jsonl",
        "mqtui export shop orders.DLQ --cause 6406d8c4 --out dead.csv",
        "mqtui export shop orders --from -2h --decode --out orders.parquet",
    ),
    "publish": (
        "mqtui publish shop orders -k 42 --value '{\"id\": 42}' --dry-run",
        "mqtui publish shop --exchange x --routing-key new --value y --yes",
        "mqtui peek shop orders --json | mqtui publish shop copies --jsonl - --yes",
    ),
    "groups": ("mqtui groups shop", "mqtui groups shop orders"),
    "lag": (
        "mqtui lag shop",
        "mqtui lag shop shipping --fail 1000",
        "mqtui lag shop shipping --words",
        "mqtui lag shop --watch",
    ),
    "pending": ("mqtui pending shop payments ledger", "mqtui pending shop payments ledger --min-idle 2h"),
    "claim": ("mqtui claim shop payments ledger --all --to w2 --min-idle 2h --dry-run",),
    "ack": ("mqtui ack shop payments ledger 1795475111678-0 --dry-run",),
    "offsets": (
        "mqtui offsets shop backfill orders --to 01:30 --dry-run",
        "mqtui offsets shop shipping orders --partition 4 --skip 1 --copy-to dead --yes",
        "mqtui offsets shop old-group --delete --confirm old-group",
    ),
    "transactions": ("mqtui transactions shop", "mqtui transactions shop --abort billing-7 --dry-run"),
    "dlq": ("mqtui dlq shop", "mqtui dlq shop orders.DLQ", "mqtui dlq shop orders.DLQ --fail 100 --oldest 2h"),
    "create": (
        "mqtui create shop orders.copy --like orders --dry-run",
        "mqtui create shop/rabbitmq copy --type quorum --set x-delivery-limit=5 --yes",
    ),
    "alter": (
        "mqtui alter shop orders.DLQ --set retention.ms=604800000 --dry-run",
        "mqtui alter shop orders --partitions 12 --yes",
    ),
    "purge": (
        "mqtui purge shop orders.DLQ --before 4/118203 --dry-run",
        "mqtui purge shop work.invoices.dlq --confirm work.invoices.dlq",
    ),
    "delete": ("mqtui delete shop orders.copy --dry-run", "mqtui delete shop orders.copy --confirm orders.copy"),
    "redrive": (
        "mqtui redrive shop orders.DLQ --cause 6406d8c4 --dry-run",
        "mqtui redrive shop orders.DLQ --from -2h --canary 1,100 --yes",
        "mqtui redrive shop orders.DLQ --where '.key == \"eu\"' --to retry --yes",
    ),
    "discard": ("mqtui discard shop orders.DLQ --until 2026-11-28 --dry-run",),
    "runs": ("mqtui runs", "mqtui runs -o csv"),
    "runs list": ("mqtui runs list", "mqtui runs list --json"),
    "runs show": ("mqtui runs show 7F3A",),
    "runs report": ("mqtui runs report 7F3A", "mqtui runs report 7F3A --markdown"),
    "runs resume": ("mqtui runs resume", "mqtui runs resume 7F3A --yes"),
    "runs putback": ("mqtui runs putback 7F3A --dry-run",),
    "audit": ("mqtui audit -n 100", "mqtui audit --json"),
    "watch": (
        "mqtui watch shop",
        "mqtui watch --once --json",
        "mqtui watch shop --webhook env:SLACK_URL --form slack",
        "mqtui watch --mute letters:orders.DLQ 2h",
    ),
    "schema": ("mqtui schema list shop", "mqtui schema diff shop orders-value"),
    "schema list": ("mqtui schema list shop", "mqtui schema list shop --filter 'orders*' --json"),
    "schema show": ("mqtui schema show shop orders-value", "mqtui schema show shop orders-value@2 --json"),
    "schema diff": ("mqtui schema diff shop orders-value", "mqtui schema diff shop orders-value@1 orders-value@3"),
    "schema check": ("mqtui schema check shop orders-value order.avsc",),
    "schema register": (
        "mqtui schema register shop orders-value order.avsc --dry-run",
        "mqtui schema register shop bill b.avsc --reference Money=money-value@1 --yes",
    ),
    "profile": ("mqtui profile list", "mqtui profile test shop"),
    "profile list": ("mqtui profile list",),
    "profile show": ("mqtui profile show shop",),
    "profile add": (
        "mqtui profile add shop kafka://localhost:9092",
        "mqtui profile add shop amqp://ada@rabbit/ -o management=http://rabbit:15672",
    ),
    "profile remove": ("mqtui profile remove shop --confirm shop",),
    "profile use": ("mqtui profile use shop/kafka", "mqtui profile use --none"),
    "profile test": ("mqtui profile test shop",),
    "schema-of": ("mqtui schema-of peek", "mqtui schema-of runs show", "mqtui schema-of errors"),
    "completion": ("mqtui completion --install", "mqtui completion zsh"),
    "help": ("mqtui help", "mqtui help redrive"),
}


def add_examples(command: click.Command, name: str) -> None:
    """End the help of a command, and of its subcommands, with examples and the forms of times."""
    lines = ["Examples:", *(f"  {line}" for line in EXAMPLES.get(name, ()))]
    command.epilog = "\n\n".join("\b\n" + "\n".join(part) for part in (lines, _forms(command)) if part)
    if isinstance(command, click.Group):
        for each, subcommand in command.commands.items():
            add_examples(subcommand, f"{name} {each}")


def _forms(command: click.Command) -> list[str]:
    """How the times, durations and positions that the command takes are written."""
    types = {param.type.name for param in command.params}
    reads = any(param.name == "start" for param in command.params)
    forms = [POSITIONS] if reads else []
    forms += [TIMES] if reads or options.TIME.name in types else []
    return forms + ([DURATIONS] if options.DURATION.name in types else [])
