"""What people install: a wheel that runs in an empty environment and carries its themes."""

from __future__ import annotations

import re
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import mqtui
from tests.architecture.house import run

README_BASE = "https://host.example/mqtui/raw/v1/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this very tree."""
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("README_BASE_URL", README_BASE)
        done = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_all_there_is_at_run_time(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {"mqtui/py.typed", "mqtui/CHANGELOG.md", "mqtui/RULES.md"} <= inside
    assert any(name.startswith("mqtui/themes/") for name in inside)
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    assert not [name for name in inside if name.startswith(("tests", "shop"))]
    assert wheel.name.startswith(f"mqtui-{mqtui.__version__}-py3-none-any")


def test_a_package_index_shows_the_pictures_of_the_readme(wheel: Path) -> None:
    """An index has no files beside the text: every link and picture of it is an address."""
    with zipfile.ZipFile(wheel) as files:
        (name,) = [each for each in files.namelist() if each.endswith("METADATA")]
        text = files.read(name).decode()
    links = re.findall(r"\]\(([^)\s]+)", text)
    assert "# mqtui" in text and len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []
    assert f"{README_BASE}tests/ui/snapshots/hero-152x22.svg" in links


def test_data_files_are_inside(wheel: Path) -> None:
    """Conventions and the like are files without code beside them."""
    root = Path(mqtui.__file__).parent
    data = {
        f"mqtui/{path.relative_to(root).as_posix()}"
        for path in root.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and not path.name.startswith(".")
    }
    assert data <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_runs_in_an_empty_environment(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries it needs are lent by this environment; mqtui itself is the wheel's."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    home = tmp_path / "env"
    venv.create(home, symlinks=True)
    program = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    done = run(sys.executable, "-m", "pip", "--python", program, "install", "--no-deps", "--no-index", wheel)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (site,) = home.glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    told = run(program.with_name("mqtui"), "--version", within=tmp_path)
    assert told.returncode == 0, told.stderr
    assert mqtui.__version__ in told.stdout
    assert run(program.with_name("mqtui"), "help", "risks", within=tmp_path).stdout.startswith("# Risks")
    where = run(program, "-c", "import mqtui; print(mqtui.__file__)", within=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(home)
    missing = run(program, "-m", "pip", "check", within=tmp_path)
    assert "mqtui" not in missing.stdout
