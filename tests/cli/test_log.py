"""`--log FILE` and `MQTUI_LOG`: requests with their times, retries, the libraries' records; no secret, no payload."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from redis import Redis

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui
from tests.terminal import Terminal

CANARY = "Tw3et/C4nary"
IN_A_MESSAGE = "s0ngOfTheBird"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} [A-Z]+ +\S+: .+")


def with_login(broker: BrokerFixture, user: str) -> str:
    """The broker's URL as a user whose password is the canary."""
    scheme, rest = broker.url.split("://", 1)
    rest = rest.rpartition("@")[2] if broker.kind is BrokerKind.RABBITMQ else rest
    return f"{scheme}://{user}:{quote(CANARY, safe='')}@{rest}"


def make_user(broker: BrokerFixture, user: str) -> None:
    if broker.kind is BrokerKind.REDIS:
        with Redis.from_url(broker.url) as client:
            client.execute_command("ACL", "SETUSER", user, "on", f">{CANARY}", "+@all", "~*")
    elif broker.kind is BrokerKind.RABBITMQ:
        address = broker.world.address
        api, login = f"{address.options['management']}/api", (address.user, address.secret)
        told = {"password": CANARY, "tags": "administrator"}
        httpx2.put(f"{api}/users/{user}", json=told, auth=login).raise_for_status()
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        httpx2.put(f"{api}/permissions/%2F/{user}", json=rights, auth=login).raise_for_status()


ASKED = {
    BrokerKind.KAFKA: ("kafka looking at {}", "mqtui.kafka"),
    BrokerKind.RABBITMQ: ("rabbitmq GET /api/queues/%2F/{}", "pika"),
    BrokerKind.REDIS: ("redis 1 TYPE, 1 XLEN at", "XADD"),
}
"""What the log tells of a look and a publish; of the wrong login on Kafka, which knows none, librdkafka's record."""


def test_the_log_has_requests_and_records_and_no_secret(mqtui: Mqtui, broker: BrokerFixture, tmp_path: Path) -> None:
    ref = broker.world.create("work")
    broker.world.put(ref, [broker.dead_letter(0, ref)])
    user = f"u{broker.world.prefix.replace(':', '-').replace('.', '-')}"
    make_user(broker, user)
    log = tmp_path / "log.txt"
    url = broker.url if broker.kind is BrokerKind.KAFKA else with_login(broker, user)
    mqtui("--log", log, "peek", url, ref.name).ok()
    mqtui("--log", log, "publish", url, ref.name, "--value", IN_A_MESSAGE, "--yes").ok()
    mqtui.extra["MQTUI_LOG"] = str(log)
    assert mqtui("peek", with_login(broker, "nobody"), ref.name).code in (0, 3)
    assert mqtui("peek", url, "no such thing").code == 1
    del mqtui.extra["MQTUI_LOG"]
    text = log.read_text(encoding="utf-8")
    assert log.stat().st_mode & 0o777 == 0o600
    assert all(LINE.fullmatch(line) for line in text.splitlines()), text
    for secret in (CANARY, quote(CANARY, safe=""), IN_A_MESSAGE):
        assert secret not in text
    assert text.count("mqtui begins: ") == 4
    for words in ASKED[broker.kind]:
        assert words.format(ref.name) in text, text
    assert re.search(r" took \d+\.\d ms", text)
    assert "exit 1: " in text
    before = log.read_bytes()
    mqtui("peek", url, ref.name).ok()
    assert log.read_bytes() == before, "without --log nothing is written"


def test_a_log_that_cannot_be_written_is_said_before_anything_is_asked(mqtui: Mqtui, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for file in (link, tmp_path / "no folder" / "log"):
        done = mqtui("--log", file, "ls", "redis://127.0.0.1:1/0")
        assert done.code != 0
        assert f"The log {file} can't be written" in done.err
        assert "127.0.0.1:1" not in done.err


def test_the_report_of_a_mistake_names_the_log(mqtui: Mqtui, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from mqtui.state.log import start_log\nfrom mqtui.state.crash_report import report_crash\n"
        "start_log(Path(sys.argv[1]))\ntry:\n    {}['x']\nexcept KeyError as error:\n"
        "    told = report_crash(error)\nprint(told.hint)\n"
    )
    log = tmp_path / "log"
    done = subprocess.run(
        [sys.executable, "-c", program, str(log)], env=mqtui.environment(), capture_output=True, text=True, check=True
    )
    assert f"the log is {log}" in done.stdout
    report = (Path(mqtui.environment()["MQTUI_STATE_DIR"]) / "last-crash.txt").read_text(encoding="utf-8")
    assert "KeyError" in report
    assert report.endswith(f"The log: {log}\n")
    assert "internal error: KeyError" in log.read_text(encoding="utf-8")


def test_a_log_is_one_file_however_often_it_is_named(mqtui: Mqtui, redis: BrokerFixture, tmp_path: Path) -> None:
    log = tmp_path / "log"
    mqtui.extra["MQTUI_LOG"] = str(tmp_path / "other")
    mqtui("--log", log, "ls", redis.url).ok()
    assert "SCAN" in log.read_text(encoding="utf-8")
    assert not (tmp_path / "other").exists(), "the option goes before the variable"


@pytest.mark.parametrize("words", [("ls", "TARGET"), ("runs", "list"), ("runs",), ("profile", "list")])
@pytest.mark.parametrize("variable", [False, True])
def test_a_log_is_named_behind_the_command_too(
    mqtui: Mqtui, tmp_path: Path, words: tuple[str, ...], *, variable: bool
) -> None:
    """It goes before the variable, and before one that was named in front."""
    log, other = tmp_path / "log", tmp_path / "other"
    given = [word.replace("TARGET", "redis://127.0.0.1:1/0") for word in words]
    if variable:
        mqtui.extra["MQTUI_LOG"] = str(other)
    mqtui(*given, "--log", log)
    assert log.read_text(encoding="utf-8").count("mqtui begins: ") == 1
    if words[0] == "ls":
        assert not other.exists()
    log.unlink()
    mqtui("--log", other, *given, f"--log={log}")
    assert "exit " in log.read_text(encoding="utf-8") or words[0] != "ls"
    log.unlink()
    mqtui("--log", log, *given)
    assert log.exists()
    assert "--log" not in mqtui(*words[:1], "--help").ok().text.partition("Examples")[0]


def test_the_console_names_the_log_among_its_notes(mqtui: Mqtui, tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = [sys.executable, "-m", "mqtui", "--log", str(log)]
    with Terminal(words, mqtui.environment() | {"TERM": "xterm-256color"}) as console:
        console.reads("Paste a URL")
        console.press(":notes\r")
        console.reads("─ Notes ─")
        console.reads("the log is ")
        console.press("\x11")
        assert console.ended() == 0
