"""The audit: a chain of hashes, a line before and after each change, and no secret anywhere on disk."""

from __future__ import annotations

import json
from urllib.parse import quote

import httpx2
import pytest

from tests.cli.broker_fixtures import BrokerFixture, all_file_bytes
from tests.cli.command_line import Mqtui

SECRET = "hunter2-in-the-url"
BODY = "a-body-nobody-keeps"


def test_each_change_has_a_line_before_and_after(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, origin = redis.create_pair(2)
    mqtui("publish", redis.url, origin.name, "--value", "x", "--yes").ok()
    run = mqtui("redrive", redis.url, dlq.name, "--yes", "--json").ok().rows()[-1]["run"]
    mqtui("redrive", redis.url, dlq.name, "--dry-run").ok()
    mqtui("redrive", redis.url, dlq.name).fails(4)
    rows = mqtui("audit", "--json").ok().rows()
    assert [(row["verb"], row["event"]) for row in rows] == [
        *(("publish", "begin"), ("publish", "end")),
        *(("redrive", "begin"), ("redrive", "end")),
    ]
    assert [row["n"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["run"] == run
    assert "2 moved" in rows[-1]["ending"]
    assert mqtui("audit", "-n", 1, "--json").ok().rows() == rows[-1:]
    assert "redrive" in mqtui("audit").ok().text


def test_a_changed_line_breaks_the_chain(mqtui: Mqtui, redis: BrokerFixture) -> None:
    ref = redis.world.create("to")
    for _ in range(2):
        mqtui("publish", redis.url, ref.name, "--value", "x", "--yes").ok()
    (file,) = [each for each in (mqtui.folder / "state").rglob("audit*") if b'"begin"' in each.read_bytes()]
    file.write_bytes(file.read_bytes().replace(b'"publish"', b'"looking"', 1))
    mqtui("audit").fails(1, "damaged at line 1: it was changed after it was written")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:2]))
    mqtui("audit").fails(1, "the journal knows 4 lines, the file ends with number 2")
    file.unlink()
    mqtui("audit").fails(1, "the file was emptied or deleted")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"time": "x"}, "no line of the audit"),
        ({"time": 99_999_999_999_999_999_999}, "is no date"),
        ({"operator": None}, "no line of the audit"),
    ],
)
def test_a_damaged_line_is_named_and_the_rest_is_shown(
    mqtui: Mqtui, redis: BrokerFixture, change: dict[str, object], why: str
) -> None:
    ref = redis.world.create("to")
    mqtui("publish", redis.url, ref.name, "--value", "x", "--yes").ok()
    file = mqtui.folder / "state" / "audit.jsonl"
    first, second = file.read_bytes().splitlines()
    file.write_bytes(json.dumps(json.loads(first) | change).encode() + b"\n" + second + b"\n")
    told = mqtui("audit", "--json").fails(1, "line 1", why)
    assert [row["n"] for row in told.rows()] == [2]
    mqtui("publish", redis.url, ref.name, "--value", "x", "--yes").ok()
    assert [row["n"] for row in mqtui("audit", "--json").fails(1, "line 1", why).rows()] == [2, 3, 4]


def test_an_unkeyed_chain_says_so_and_a_keyed_one_does_not(mqtui: Mqtui, redis: BrokerFixture) -> None:
    ref = redis.world.create("to")
    mqtui("publish", redis.url, ref.name, "--value", "x", "--yes").ok()
    assert "2 of 2 lines unkeyed" in mqtui("audit").ok().err
    (mqtui.folder / "state" / "audit.jsonl").unlink()
    for file in (mqtui.folder / "state").glob("runs.sqlite*"):
        file.unlink()
    mqtui.extra["MQTUI_AUDIT_KEY"] = mqtui.bundle_key
    mqtui("publish", redis.url, ref.name, "--value", "x", "--yes").ok()
    assert "unkeyed" not in mqtui("audit").ok().err


def test_a_command_that_fails_has_its_end(mqtui: Mqtui, redis: BrokerFixture) -> None:
    ref = redis.world.create("to")
    lines = b'{"fields":[["a","b"]]}\n{"fields":7}\n'
    mqtui("publish", redis.url, ref.name, "--jsonl", "-", "--yes", given=lines).fails(1)
    begun, ended = mqtui("audit", "--json").ok().rows()
    assert (begun["event"], ended["event"]) == ("begin", "end")
    assert ended["ending"].startswith("1 stored; failed: Line 2")


def test_no_secret_and_no_body_is_kept(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    dlq, origin = rabbitmq.create_pair(1)
    address = rabbitmq.world.address
    user = rabbitmq.world.name("carol")
    auth = (address.user, address.secret)
    api = address.options["management"]
    everywhere = {"configure": ".*", "write": ".*", "read": ".*"}
    with httpx2.Client(base_url=api, auth=auth) as client:
        client.put(f"/api/users/{user}", json={"password": SECRET, "tags": "administrator"}).raise_for_status()
        client.put(f"/api/permissions/%2F/{user}", json=everywhere).raise_for_status()
        try:
            url = f"amqp://{user}:{quote(SECRET)}@127.0.0.1:{rabbitmq.port}/?management={api}"
            warned = mqtui("publish", url, origin.name, "--value", BODY, "-H", f"h={BODY}", "--yes").ok()
            assert "process list" in warned.err
            done = mqtui("redrive", url, dlq.name, "--yes", "--json").ok()
            run = done.rows()[-1]["run"]
            told = [warned, done, mqtui("runs", "show", run), mqtui("runs", "report", run), mqtui("audit", "--json")]
            told.append(mqtui("runs", "putback", run, "--dry-run"))
            mqtui.extra["MQTUI_SECRET_RABBITMQ"] = SECRET
            told.append(mqtui("runs", "putback", run, "--dry-run", "--json").ok())
        finally:
            client.delete(f"/api/users/{user}")
    kept = all_file_bytes(mqtui.folder)
    for secret in (SECRET, BODY, '"number": 0'):
        assert secret.encode() not in kept
        assert not any(secret in each.text + each.err for each in told)
    for file in (mqtui.folder / "state").rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, file
