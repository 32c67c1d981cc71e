"""The audit: a chain two processes can extend, where a change in the middle shows, and no secret is noted."""

import json
import subprocess
import sys
from pathlib import Path
from time import process_time

import pytest

from mqtui.domain.errors import StorageFailed
from mqtui.machine.process import host, operator
from mqtui.state.audit import Audit
from mqtui.state.redact import mask, redact_command
from tests.state.samples import POLICY, RUN, plan

ROOT = Path(__file__).parents[2]


def test_a_write_has_a_line_before_and_one_after() -> None:
    audit = Audit(argv=["/usr/bin/mqtui", "publish", "prod"])
    audit.begin(plan(), POLICY)
    audit.end(plan(), POLICY, "done: 3")
    begin, end = audit.entries()
    assert (begin.n, begin.event, begin.run, begin.planned) == (1, "begin", RUN, 3)
    assert (begin.operator, begin.host, begin.profile, begin.verb) == (operator(), host(), "prod", "publish")
    assert begin.on == ("topic:orders \udcff",)
    assert (end.n, end.event, end.result, end.command) == (2, "end", "done: 3", "mqtui publish prod")
    assert audit.entries(1) == [end] and audit.entries(0) == []


@pytest.mark.parametrize("change", ["edit", "drop", "swap", "insert", "garble"])
def test_a_change_in_the_chain_shows(state_folder: Path, change: str) -> None:
    audit = Audit()
    for _ in range(4):
        audit.begin(plan(), POLICY)
    path = state_folder / "audit.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    match change:
        case "edit":
            lines[1] = json.dumps(json.loads(lines[1]) | {"operator": "mallory"}).encode() + b"\n"
        case "drop":
            del lines[1]
        case "swap":
            lines[1], lines[2] = lines[2], lines[1]
        case "insert":
            lines.insert(1, lines[0])
        case _:
            lines[1] = b"{\n"
    path.write_bytes(b"".join(lines))
    assert audit.verify() == 2


def test_two_processes_extend_one_chain() -> None:
    code = """
from mqtui.state.audit import Audit
from tests.state.samples import POLICY, plan
input()
audit = Audit()
for _ in range(100):
    audit.begin(plan(), POLICY)
"""
    children = [subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, cwd=ROOT) for _ in range(2)]
    for child in children:
        child.communicate(b"go\n")
    assert [child.returncode for child in children] == [0, 0]
    assert [entry.n for entry in Audit().entries()] == list(range(1, 201))
    assert Audit().verify() is None


def test_an_audit_that_can_not_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(StorageFailed, match="nothing may be changed"):
        Audit(tmp_path / "audit.jsonl").begin(plan(), POLICY)


def test_no_audit_yet_is_a_chain_that_holds() -> None:
    assert Audit().verify() is None and Audit().entries() == []


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (["/x/mqtui", "peek", "prod", "orders dlq"], "mqtui peek prod 'orders dlq'"),
        (["mqtui", "ls", "kafka://alice:pw@h:1"], "mqtui ls 'kafka://alice:…@h:1'"),
        (["mqtui", "ls", "redis://:pw@h/3"], "mqtui ls 'redis://:…@h/3'"),
        (["mqtui", "publish", "p", "q", "-k", "kk", "-H", "a=b"], "mqtui publish p q -k … -H …"),
        (["mqtui", "publish", "p", "q", "-kkk", "-Ha=b"], "mqtui publish p q -k… -H…"),
        (["mqtui", "publish", "p", "q", "--value", "vv", "--file", "f"], "mqtui publish p q --value … --file f"),
        (["mqtui", "publish", "p", "q", "--value=vv", "--header=a=b"], "mqtui publish p q --value=… --header=…"),
        (["mqtui", "profile", "add", "x", "-o", "sasl.password=pw"], "mqtui profile add x -o 'sasl.password=…'"),
    ],
)
def test_a_command_is_noted_without_what_is_in_it(argv: list[str], shown: str) -> None:
    assert redact_command(argv) == shown


@pytest.mark.parametrize(
    "url",
    [
        "amqp://u:hunter2@h/v",
        "amqp://u:hun@ter2@h/v",
        "amqp://u:hunter2/x@h",
        "redis://:hunter2",
        "kafka://u:hunter2?x=1",
        "see amqp://u:a:hunter2@h and more",
        "kafka://h?ssl.key.password=hunter2&x=1",
    ],
)
def test_a_password_is_masked_where_the_url_is_malformed_too(url: str) -> None:
    assert "hunter2" not in mask(url) and "ter2" not in mask(url) and "…" in mask(url)


@pytest.mark.parametrize("word", ["x", "=a", "a.", ":/a", "x@"])
def test_a_long_word_is_masked_soon(word: str) -> None:
    """Seconds for 20,000 characters once, since each of them was taken for the first of a login."""
    began = process_time()
    redact_command(["mqtui", word * 10_000])
    assert process_time() - began < 2


def test_what_holds_no_password_stays() -> None:
    for url in ("kafka://h:9092,h2:9093/x", "amqp://u@h:5672/%2F?management=http://h:15672", "plain words: none"):
        assert mask(url) == url
