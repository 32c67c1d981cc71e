"""Files about us: closed to others, no link followed, no folder that others may change, and reasons of the system."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mqtui.domain.errors import StorageFailed
from mqtui.domain.resource import BrokerKind
from mqtui.state import ui_state
from mqtui.state.audit import Audit
from mqtui.state.broker_identities import BrokerIdentities
from mqtui.state.crash_report import report_crash
from mqtui.state.journal import Journal
from mqtui.state.paths import config_dir, state_dir
from mqtui.state.peek_budget import StoredPeekBudget
from tests.cli.command_line import Mqtui
from tests.state.samples import POLICY, plan, record


def test_every_file_is_of_this_user_alone() -> None:
    before = os.umask(0)
    try:
        with closing(Journal()) as runs:
            runs.begin(record())
            Audit().begin(plan(), POLICY)
            report_crash(ValueError("secret"))
            ui_state.save(ui_state.UiState("dark"))
            BrokerIdentities().remember("prod", BrokerKind.KAFKA, "x")
            with closing(StoredPeekBudget()) as counts:
                counts.set("q", 3)
                files = [state_dir(), *state_dir().rglob("*")]
                assert {"runs.sqlite-wal", "counts.sqlite-wal", "last-crash.txt"} <= {file.name for file in files}
                assert [file for file in files if file.stat().st_mode & 0o077] == []
    finally:
        os.umask(before)


def journal() -> None:
    Journal().close()


def audit() -> None:
    Audit().begin(plan(), POLICY)


@pytest.mark.parametrize(
    ("name", "write"),
    [("runs.sqlite", journal), ("runs.lock", journal), ("audit.jsonl", audit), ("audit.lock", audit)],
)
def test_no_link_is_followed(tmp_path: Path, name: str, write: Callable[[], None]) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (state_dir() / name).symlink_to(elsewhere)
    with pytest.raises(StorageFailed, match="links are not followed"):
        write()
    assert elsewhere.read_text() == "mine"


def test_the_crash_report_follows_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (state_dir() / "last-crash.txt").symlink_to(elsewhere)
    assert "links are not followed" in report_crash(ValueError("x")).detail
    assert elsewhere.read_text() == "mine"


def test_a_folder_that_everybody_may_write_to_is_refused(state_folder: Path) -> None:
    state_folder.mkdir()
    state_folder.chmod(0o777)
    for use in (journal, audit, BrokerIdentities):
        with pytest.raises(StorageFailed, match="open to everybody") as told:
            use()
        assert "MQTUI_STATE_DIR" in told.value.hint
    assert list(state_folder.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(state_folder: Path) -> None:
    state_folder.mkdir(mode=0o700)
    os.chown(state_folder, 12_345, 12_345)
    with pytest.raises(StorageFailed, match="is not yours"):
        Journal()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused() -> None:
    file = state_dir() / "audit.jsonl"
    file.write_text("")
    os.chown(file, 12_345, 12_345)
    with pytest.raises(StorageFailed, match="another user"):
        Audit().begin(plan(), POLICY)


def test_a_reason_is_the_systems_own_whatever_the_path_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "disk is full"
    folder.mkdir()
    (folder / "runs.sqlite").mkdir()
    with pytest.raises(StorageFailed) as told:
        Journal(folder / "runs.sqlite")
    assert "directory" in told.value.detail
    assert "space" not in told.value.hint


def test_a_configuration_that_cant_be_made_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTUI_CONFIG_DIR", "/proc/nope/config")
    assert str(config_dir()) == "/proc/nope/config"


def test_reading_works_without_folders(tmp_path: Path, redis_url: str) -> None:
    nowhere = {"MQTUI_STATE_DIR": "/proc/nope/state", "MQTUI_CONFIG_DIR": "/proc/nope/config"}
    mqtui = Mqtui(tmp_path, "", nowhere)
    mqtui("ls", redis_url).ok()
    mqtui("profile", "list").ok()
    mqtui("lag", redis_url).ok()
    mqtui("publish", redis_url, "nothing", "--value", "x", "--yes").fails(1)
    mqtui("runs").fails(1, "can't be made", "MQTUI_STATE_DIR")
