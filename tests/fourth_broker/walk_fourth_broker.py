"""A walk over verbs and views of a broker that the package does not know. It is run by `test_fourth_broker`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

from click.testing import CliRunner

from mqtui.brokers.registry import traits_of
from mqtui.cli import mqtui
from mqtui.domain.message import Outgoing
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.profiles.url import parse_url
from mqtui.ui.app import Console
from tests.domain.dead_letters import SPRING
from tests.ui.driver import at_console

URL = "inmemory://here"
KIND = BrokerKind("inmemory")
ORDERS, DEAD = Ref(Kind.TOPIC, "orders"), Ref(Kind.TOPIC, "orders.DLT")


def fill() -> Any:
    """A server with orders, a group that is behind, and dead letters."""
    server = import_module("mqtui.brokers.inmemory.adapter").server_at(parse_url(URL)[0])
    for ref in (ORDERS, DEAD):
        server.make(ref.name, 5)
    for number in range(3):
        server.put(Outgoing(ORDERS, b'{"order":%d}' % number, b"key", partition=0))
    for number in range(4):
        server.put(Outgoing(DEAD, b'{"letter":%d}' % number, b"key", SPRING, partition=0))
    server.commit("billing", ORDERS, 0, 1)
    return server


def run(*words: str) -> str:
    """What a command prints; it ends well."""
    done = CliRunner().invoke(mqtui, words, catch_exceptions=False)
    assert done.exit_code == 0, (words, done.exit_code, done.output)
    return done.output


def rows(*words: str) -> Sequence[dict[str, Any]]:
    return [json.loads(line) for line in run(*words, "--json").splitlines() if line.startswith("{")]


def walk_verbs(server: Any) -> None:
    run("profile", "add", "shop", URL, "-o", "shelf=upper", "-o", "padlock=env:PADLOCK", "--environment", "dev")
    assert "inmemory" in run("profile", "list") and "upper" in run("profile", "show", "shop")
    assert {row["resource"] for row in rows("ls", URL)} == {"orders", "orders.DLT"}
    assert len(rows("peek", URL, "orders", "-n", "10")) == 3
    assert [row["high"] for row in rows("partitions", URL, "orders")] == [3, 0, 0, 0, 0]
    assert "1 of 1" in run("create", URL, "copy", "--partitions", "2", "--yes")
    assert "1 of 1" in run("delete", URL, "copy", "--confirm", "copy") and "copy" not in server.topics
    assert len(rows("topology", URL)) == 1 and "messages" in run("describe", URL, "orders")
    with TemporaryDirectory() as folder:
        assert "3 messages, " in run("export", URL, "orders", "--out", f"{folder}/orders.jsonl")
    assert run("publish", URL, "orders", "--key", "k", "--value", "x", "--yes")
    assert len(server.records(ORDERS)) == 4
    assert "billing" in run("groups", URL) and "3" in run("lag", URL)
    server.states["billing"] = "Empty"
    (_, *moves, done) = rows("offsets", URL, "billing", "orders", "--to", "oldest", "--partition", "0", "--yes")
    assert [(row["from"], row["to"], row["reads_again"]) for row in moves] == [(1, 0, 1)]
    assert run("runs", "putback", done["run"], "--yes") and server.committed["billing"]["orders", 0] == 1
    server.states["billing"] = "Stable"
    assert [row["resource"] for row in rows("dlq", URL)] == ["orders.DLT"]
    assert [row["letters"] for row in rows("dlq", URL, "orders.DLT")] == [4]
    assert "2 of 2 moved" in run("redrive", URL, "orders.DLT", "--limit", "2", "--watch", "0s", "--yes")
    assert len(server.records(ORDERS)) == 6
    assert "put back unmarks it" in run("discard", URL, "orders.DLT", "--limit", "1", "--yes")
    assert len(rows("runs", "list")) == 4 and len(rows("audit")) >= 2


async def walk_views() -> None:
    async with at_console(Console((URL, ""))) as user:
        await user.presses("1").sees("orders.DLT", "orders").on_row("orders.DLT")
        await user.presses("2").sees("billing").on_row("billing")
        await user.presses("3").sees("orders.DLT").on_row("orders.DLT").presses("enter").sees("SchemaMismatch")
        await user.presses("enter").sees("letter").presses("escape", "escape")
        await user.presses("1").is_at("DestinationsScreen")
        await user.presses("5").sees("redrive").presses("6").sees("discard")
    async with at_console(Console((URL, "orders"))) as user:
        await user.sees('"order"').presses("P").sees("Key", "Value", traits_of(KIND).publish.stored_when)


if __name__ == "__main__":
    walk_verbs(fill())
    asyncio.run(walk_views())
    print("walked")
