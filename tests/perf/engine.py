"""Folders of its own for what runs mqtui in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.chaos.killing import KEY


@contextmanager
def own_desk() -> Iterator[Path]:
    """Folders of its own for journal, bundle and audit."""
    with TemporaryDirectory(prefix="mqtui-perf-") as folder, pytest.MonkeyPatch.context() as environment:
        for name in ("STATE", "CONFIG", "CACHE"):
            environment.setenv(f"MQTUI_{name}_DIR", str(Path(folder, name.lower())))
        environment.setenv("MQTUI_BUNDLE_KEY", KEY)
        yield Path(folder)
