"""Own folders and a bundle key for each test, so that nothing asks a keyring."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loop_guard import nothing_blocks
from tests.services.memory_fixtures import FIXTURES, MemoryFixture

KEY = "q2jEWB1pBFzDfWTXKuLBf2Qqk9vVh0Gf5vS6k6n3YhE="


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop() -> Iterator[None]:
    """Journal, audit, bundles, keyring and commands are not waited for on the event loop."""
    with nothing_blocks():
        yield


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in [name for name in os.environ if name.startswith("MQTUI_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("MQTUI_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("MQTUI_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MQTUI_BUNDLE_KEY", KEY)
    return tmp_path


@pytest.fixture(params=FIXTURES)
def broker(request: pytest.FixtureRequest) -> MemoryFixture:
    """A broker with a dead-letter destination and the place its letters came from."""
    made: MemoryFixture = request.param()
    return made
