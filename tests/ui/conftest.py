"""Own folders, a terminal of known abilities, and a shop in memory for each test."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mqtui.demo.servers.java import cache_folder
from tests.loop_guard import nothing_blocks
from tests.ui.frozen_time import freeze_time
from tests.ui.memory_shop import MemoryShop
from tests.ui.pictures import Pictures

DOWNLOADS = str(cache_folder())
"""Kafka's jars and its trained template, wherever HOME is."""

KEY = "q2jEWB1pBFzDfWTXKuLBf2Qqk9vVh0Gf5vS6k6n3YhE="


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-snapshots", action="store_true", help="take the pictures of this run as the approved ones"
    )
    parser.addoption("--gallery", type=Path, help="draw every screen at every size into this folder")


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop() -> Iterator[None]:
    """Journal, audit, bundles, keyring and commands are not waited for on the event loop."""
    with nothing_blocks():
        yield


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of this machine: folders, keyring, clipboard, colours, times."""
    for variable in [name for name in os.environ if name.startswith("MQTUI_")]:
        monkeypatch.delenv(variable)
    for name, value in {
        "MQTUI_CONFIG_DIR": str(tmp_path / "config"),
        "MQTUI_STATE_DIR": str(tmp_path / "state"),
        "MQTUI_CACHE_DIR": DOWNLOADS,
        "MQTUI_BUNDLE_KEY": KEY,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "TEXTUAL_ANIMATIONS": "none",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "TZ": "UTC",
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "TMUX", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    return tmp_path


@pytest.fixture
def shop() -> MemoryShop:
    """The failing shop, in memory."""
    return MemoryShop()


@pytest.fixture
def dev(shop: MemoryShop) -> MemoryShop:
    """The shop with its profiles."""
    shop.profiles()
    return shop


@pytest.fixture
def frozen_shop(shop: MemoryShop, monkeypatch: pytest.MonkeyPatch) -> MemoryShop:
    """The shop with profiles, on a clock that only `trade` moves."""
    freeze_time(monkeypatch, shop.world.clock)
    shop.profiles()
    return shop


@pytest.fixture
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Pictures:
    """Pictures under the name of the test."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")
    update = bool(request.config.getoption("--update-snapshots", default=False))
    return Pictures(name, update, tmp_path, request.config.getoption("--gallery", default=None))
