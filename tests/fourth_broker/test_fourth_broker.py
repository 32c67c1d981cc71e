"""A broker is added by one folder and one line: verbs and views then work on it.

The package is built of links to its own files; what is no link is the folder of the adapter, and the line in
`domain/resource.py`. The walk over verbs and views runs there, in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.house import PACKAGE, ROOT

HERE = Path(__file__).parent
LINE = '    INMEMORY = "inmemory"\n'
AFTER = '    REDIS = "redis"\n'


def link_all(folder: Path, original: Path, but: str) -> None:
    """Fill a folder with links to all that another one has, but one."""
    folder.mkdir(parents=True)
    for each in original.iterdir():
        if each.name not in (but, "__pycache__"):
            (folder / each.name).symlink_to(each)


def package_with_fourth_broker(folder: Path) -> None:
    package = folder / "mqtui"
    link_all(package, PACKAGE, but="brokers")
    link_all(package / "brokers", PACKAGE / "brokers", but="")
    (package / "brokers" / "inmemory").symlink_to(HERE / "inmemory")
    (folder / "themes").symlink_to(ROOT / "themes")
    (package / "domain").unlink()
    link_all(package / "domain", PACKAGE / "domain", but="resource.py")
    text = (PACKAGE / "domain" / "resource.py").read_text()
    assert text.count(AFTER) == 1
    (package / "domain" / "resource.py").write_text(text.replace(AFTER, AFTER + LINE))


def test_one_folder_and_one_line(tmp_path: Path) -> None:
    package_with_fourth_broker(tmp_path / "package")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MQTUI_")}
    environment |= {
        "PYTHONPATH": f"{tmp_path / 'package'}{os.pathsep}{ROOT}",
        "MQTUI_CONFIG_DIR": str(tmp_path / "config"),
        "MQTUI_STATE_DIR": str(tmp_path / "state"),
        "MQTUI_BUNDLE_KEY": "q2jEWB1pBFzDfWTXKuLBf2Qqk9vVh0Gf5vS6k6n3YhE=",
    }
    done = subprocess.run(
        [sys.executable, HERE / "walk_fourth_broker.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    assert done.stdout.splitlines()[-1] == "walked"
