"""A home that can't be written: what was kept can be read, what would be changed is refused."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mqtui.state.audit import Audit
from mqtui.state.journal import Journal
from tests.state.samples import POLICY, plan, record

ROOT = Path(__file__).parents[2]


def run_on_read_only(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Mqtui with its state on a read-only file system."""
    command = shlex.join([sys.executable, "-m", "mqtui", *words])
    mount = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
    environment = os.environ | {
        "MQTUI_STATE_DIR": str(folder),
        "MQTUI_CONFIG_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    script = ["unshare", "--mount", "--propagation", "private", "bash", "-c", f"{mount} || exit 99; {command}"]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    return done


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")
def test_runs_and_audit_are_read_and_nothing_is_changed(tmp_path: Path) -> None:
    with Journal(tmp_path / "runs.sqlite") as journal:
        journal.begin(record())
    Audit(tmp_path / "audit.jsonl", ["mqtui"]).begin(plan(), POLICY)
    listed = run_on_read_only(tmp_path, "runs", "--json")
    assert (listed.returncode, listed.stdout.count("\n")) == (0, 1), listed.stderr
    audited = run_on_read_only(tmp_path, "audit", "--json")
    assert (audited.returncode, audited.stdout.count("\n")) == (0, 1), audited.stderr
    assert run_on_read_only(tmp_path, "profile", "list").returncode == 0
    added = run_on_read_only(tmp_path, "profile", "add", "shop", "redis://127.0.0.1:1/0")
    assert (added.returncode, "Read-only" in added.stderr) == (1, True)
