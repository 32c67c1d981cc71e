"""Own folders for each test, no secret from outside, and keyrings: a real one, none, and a failing one."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends import SecretService, fail


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in [name for name in os.environ if name.startswith("MQTUI_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("MQTUI_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("MQTUI_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def no_keyring() -> Iterator[None]:
    """A machine without a keyring: the backend that keyring itself falls back to there."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]  # keyring's own class has no hints
    yield
    keyring.set_keyring(before)


@pytest.fixture(scope="session")
def keyring_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a D-Bus session with an unlocked GNOME keyring of its own."""
    if not (shutil.which("dbus-daemon") and shutil.which("gnome-keyring-daemon")):
        pytest.skip("needs dbus-daemon and gnome-keyring-daemon")
    home = tmp_path_factory.mktemp("keyring")
    home.chmod(0o700)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DBUS_")},
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "XDG_DATA_HOME": str(home / "data"),
    }
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert bus.stdout is not None
    environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert daemon.stdin is not None
    daemon.stdin.write(b"unlocked\n")
    daemon.stdin.close()
    try:
        _wait_for_keyring(environment["DBUS_SESSION_BUS_ADDRESS"])
        yield environment
    finally:
        for process in (daemon, bus):
            process.terminate()
            process.wait()
        bus.stdout.close()


def _wait_for_keyring(address: str) -> None:
    """Wait for the daemon to own its name; asking anything else would make the bus start another, locked one."""
    from jeepney.bus_messages import message_bus  # type: ignore[import-untyped]  # jeepney has no hints
    from jeepney.io.blocking import Proxy, open_dbus_connection  # type: ignore[import-untyped]

    deadline = time.monotonic() + 20
    with open_dbus_connection(address) as connection:
        while time.monotonic() < deadline:
            if Proxy(message_bus, connection).NameHasOwner("org.freedesktop.secrets") == (1,):
                return
    raise AssertionError("the keyring does not answer")


@pytest.fixture
def real_keyring(keyring_session: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An unlocked GNOME keyring, asked over D-Bus."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", keyring_session["DBUS_SESSION_BUS_ADDRESS"])
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    before = keyring.get_keyring()
    keyring.set_keyring(SecretService.Keyring())  # type: ignore[no-untyped-call]  # as above
    yield
    keyring.set_keyring(before)


@pytest.fixture
def broken_keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A keyring whose bus is gone."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    before = keyring.get_keyring()
    keyring.set_keyring(SecretService.Keyring())  # type: ignore[no-untyped-call]  # as above
    yield
    keyring.set_keyring(before)
