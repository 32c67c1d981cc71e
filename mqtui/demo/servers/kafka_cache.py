"""What Kafka needs once per machine: the jars, a formatted template and the trained cache."""

import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from mqtui.demo.servers import java, kafka
from mqtui.demo.servers.errors import KafkaMissing
from mqtui.demo.servers.progress import Progress, Tell
from mqtui.demo.servers.supervisor_client import SupervisorClient

_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class KafkaInstalled:
    """A Kafka that is ready to start: its runtime, its folder in the cache, its jars and the flags that help."""

    runtime: java.Java
    home: Path
    jars: tuple[Path, ...]
    flags: tuple[str, ...]


def prepare(supervisor: SupervisorClient, tell: Tell) -> KafkaInstalled:
    """Return what the cache holds, making what it lacks. Raises KafkaMissing with the reason where it can't be had."""
    runtime = java.find_java()
    home = (java.cache_folder() / kafka.HOME).resolve()
    try:
        return _prepare(supervisor, tell, runtime, home)
    except OSError as error:
        raise KafkaMissing(f"the cache of Kafka's jars can't be used: {error}") from error


def _prepare(supervisor: SupervisorClient, tell: Tell, runtime: java.Java, home: Path) -> KafkaInstalled:
    jars = tuple(java.jars(home, kafka.COORDINATES, "kafka", tell))
    if not _complete(home, runtime):
        with java.only_one(home.with_name(f"{home.name}.lock"), lambda: tell(Progress("kafka", "waiting"))):
            if not _complete(home, runtime):
                tell(Progress("kafka", "preparing"))
                unfinished = _empty(home / "unfinished")  # a killed process may have left some 100 MB there
                _make_template(supervisor, runtime, home, jars)
                _train(supervisor, runtime, home, jars)
                shutil.rmtree(unfinished)
    return KafkaInstalled(runtime, home, jars, kafka.start_flags(home, runtime))


def _complete(home: Path, runtime: java.Java) -> bool:
    trained = runtime.release < kafka.AOT_RELEASE or kafka.aot_cache(home, runtime).exists()
    return trained and (home / "template").is_dir()


def _make_template(supervisor: SupervisorClient, runtime: java.Java, home: Path, jars: tuple[Path, ...]) -> None:
    if (home / "template").is_dir():
        return
    folder = _empty(supervisor.folder / "kafka-format")
    process = kafka.format_process("kafka-format", folder, runtime, jars)
    supervisor.start(process)
    code = supervisor.wait(process.name, _PATIENCE)
    if code != 0:
        log = process.log.read_text(encoding="utf-8", errors="replace")
        raise KafkaMissing(f"Kafka's storage folder could not be formatted ({code}): {log[-1000:]}")
    fresh = home / "unfinished" / "template"
    shutil.copytree(folder / "template", fresh)
    fresh.rename(home / "template")


def _train(supervisor: SupervisorClient, runtime: java.Java, home: Path, jars: tuple[Path, ...]) -> None:
    """Run a node once, so that Java 25 writes down what it loaded; where it can't, an empty file says so."""
    if runtime.release < kafka.AOT_RELEASE:
        return
    cache = kafka.aot_cache(home, runtime)
    fresh = home / "unfinished" / cache.name
    flags = (f"-XX:AOTCacheOutput={fresh}",)
    spec = kafka.server_spec(
        "kafka-training", supervisor.folder / "kafka-training", runtime, home=home, jars=jars, flags=flags
    )
    supervisor.start(spec.main)
    until = time.monotonic() + _PATIENCE
    while not spec.answers() and supervisor.code(spec.name) is None and time.monotonic() < until:
        time.sleep(0.05)
    supervisor.signal(spec.name, signal.SIGTERM)
    if supervisor.wait(spec.name, _PATIENCE) is None:
        supervisor.signal(spec.name, signal.SIGKILL)
        supervisor.wait(spec.name, _PATIENCE)
    fresh.touch()
    fresh.rename(cache)
    shutil.rmtree(supervisor.folder / "kafka-training", ignore_errors=True)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
