"""What a shell offers: names that are known, without waiting for a broker."""

from __future__ import annotations

import subprocess
import sys
from resource import RUSAGE_CHILDREN, getrusage
from time import monotonic, sleep

import pytest

from mqtui.state.known_names import KnownNames, load_names
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui

DEAD = "redis://127.0.0.1:1/0"
MOST_TIMES_OF_VERSION = 4
"""How much more CPU time a completion may take than `mqtui --version` [40 ms]: 200 ms and less."""


def offered(mqtui: Mqtui, line: str) -> list[str]:
    """What bash would offer after a command line."""
    words = line.split()
    number = len(words) - (not line.endswith(" "))
    asked = {"_MQTUI_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(number)}
    asking = Mqtui(mqtui.folder, mqtui.bundle_key, mqtui.extra | asked)
    return [row.partition(",")[2] for row in asking().ok().text.splitlines() if row]


@pytest.fixture
def known(mqtui: Mqtui, monkeypatch: pytest.MonkeyPatch) -> Mqtui:
    """Two profiles, whose brokers are away."""
    monkeypatch.setenv("MQTUI_STATE_DIR", str(mqtui.folder / "state"))
    mqtui("profile", "add", "shop", DEAD).ok()
    mqtui("profile", "add", "shop", "kafka://127.0.0.1:1").ok()
    mqtui("profile", "add", "prod", DEAD).ok()
    return mqtui


def test_commands_and_profiles(known: Mqtui) -> None:
    assert {"peek", "publish", "profile", "prod", "shop/kafka"} <= set(offered(known, "mqtui "))
    assert offered(known, "mqtui sh") == ["shop", "shop/kafka", "shop/redis"]
    assert offered(known, "mqtui peek pr") == ["prod"]
    assert offered(known, "mqtui profile show ") == ["shop", "prod"]


def test_no_broker_is_waited_for_and_one_process_asks(known: Mqtui) -> None:
    assert offered(known, "mqtui peek shop ") == []
    asked = load_names("shop").asked
    assert asked > 0
    assert offered(known, "mqtui peek shop ") == []
    assert load_names("shop").asked == pytest.approx(asked, abs=30)


def test_what_a_listing_has_met_is_offered(known: Mqtui, redis: BrokerFixture) -> None:
    dlq, _ = redis.create_pair(2)
    url = redis.url
    known("ls", url).ok()
    known("dlq", url, dlq.name).ok()
    known("redrive", url, dlq.name, "--limit", "1", "--yes").ok()
    assert offered(known, f"mqtui peek {url} {dlq.name[:-1]}") == [dlq.name]
    (cause,) = known("dlq", url, dlq.name, "--json").ok().rows()
    assert offered(known, f"mqtui redrive {url} {dlq.name} --cause ") == [cause["cause_id"]]
    (run,) = known("runs", "--json").ok().rows()
    assert offered(known, "mqtui runs show ") == [run["short"]]
    known.extra["MQTUI_PROFILE"] = url
    assert dlq.name in offered(known, "mqtui peek ")


def test_the_process_beside_asks_for_names(known: Mqtui, redis: BrokerFixture) -> None:
    dlq, _ = redis.create_pair(1)
    redis.world.consume(dlq, "workers", 1)
    assert offered(known, f"mqtui groups {redis.url} ") == []
    deadline = monotonic() + 30
    while not (names := load_names(redis.url)).groups:
        assert monotonic() < deadline
        sleep(0.1)
    assert dlq.name in names.resources
    assert f"{dlq.name}/workers" in offered(known, f"mqtui lag {redis.url} ")
    assert offered(known, f"mqtui pending {redis.url} {dlq.name} ") == ["workers"]


def test_names_that_can_not_be_typed_are_left_out(known: Mqtui, monkeypatch: pytest.MonkeyPatch) -> None:
    from mqtui.state.known_names import store_names

    store_names("shop", KnownNames(["orders", "or\x1b[2Jders", "or\nders"], asked=2**33))
    assert offered(known, "mqtui peek shop ") == ["orders"]


def test_a_secret_that_a_program_prints_is_not_asked_for(known: Mqtui) -> None:
    told = known.folder / "told"
    known("profile", "add", "vault", "redis://ada@127.0.0.1:1/0", "-o", f"secret=command:touch {told}").ok()
    assert offered(known, "mqtui peek vault ") == []
    sleep(1)
    assert not told.exists()


def test_a_completion_loads_nothing_that_talks_or_draws(known: Mqtui) -> None:
    """Once the names are fresh it reads two files: no event loop, no client library, no terminal."""
    line = {"_MQTUI_COMPLETE": "bash_complete", "COMP_WORDS": "mqtui peek shop ", "COMP_CWORD": "3"}
    offered(known, "mqtui peek shop ")
    asking = [sys.executable, "-X", "importtime", "-m", "mqtui"]
    told = subprocess.run(asking, env=known.environment() | line, capture_output=True, text=True, check=True).stderr
    loaded = {row.rpartition("|")[2].strip() for row in told.splitlines()}
    heavy = {"asyncio", "textual", "rich", "confluent_kafka", "kafka", "pika", "redis", "httpx2", "cryptography"}
    heavy |= {"mqtui.brokers.port", "mqtui.domain.message"}
    assert "mqtui.cli.completers" in loaded and not loaded & heavy


def test_a_completion_costs_little_more_than_a_start(known: Mqtui) -> None:
    line = {"_MQTUI_COMPLETE": "bash_complete", "COMP_WORDS": "mqtui peek shop ", "COMP_CWORD": "3"}
    offered(known, "mqtui peek shop ")

    def cost(arguments: list[str], extra: dict[str, str]) -> float:
        before = getrusage(RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "mqtui", *arguments],
            env=known.environment() | extra,
            capture_output=True,
            check=True,
        )
        after = getrusage(RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    version = min(cost(["--version"], {}) for _ in range(5))
    completion = min(cost([], line) for _ in range(5))
    assert completion < MOST_TIMES_OF_VERSION * version


@pytest.mark.parametrize(("shell", "start"), [("bash", ".bashrc"), ("zsh", ".zshrc"), ("fish", "")])
def test_it_is_installed_once(mqtui: Mqtui, shell: str, start: str) -> None:
    home = mqtui.folder / "home"
    home.mkdir()
    mqtui.extra |= {"HOME": str(home), "SHELL": f"/bin/{shell}", "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}
    if start:
        (home / start).write_text("alias ll='ls -l'\n")
    told = mqtui("completion", "--install").ok().text
    (script,) = [file for file in home.rglob("*mqtui*") if file.is_file()] or home.rglob(f"completion.{shell}")
    assert "_MQTUI_COMPLETE" in script.read_text()
    assert str(script) in told
    if start:
        before = (home / start).read_text()
        assert before.startswith("alias ll='ls -l'\n") and before.count(str(script)) == 1
        mqtui("completion", "--install").ok()
        assert (home / start).read_text() == before


def test_a_shell_has_to_be_known(mqtui: Mqtui) -> None:
    mqtui("completion").fails(2, "bash, zsh, fish")
    mqtui.extra["SHELL"] = "/bin/nonsense"
    mqtui("completion", "--install").fails(2, "bash, zsh, fish")
