"""The short form of `python -m tests.perf.ticks`: nothing is timed, so other tests may run beside it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.perf.keys import ROOT

COUNT, SETTLED = 400, 150


@pytest.mark.timeout(180)
def test_memory_and_widgets_do_not_grow() -> None:
    words = ["-m", "tests.perf.ticks", "--only", "redis", "--count", str(COUNT), "--settled", str(SETTLED)]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "looks: memory" in done.stdout
