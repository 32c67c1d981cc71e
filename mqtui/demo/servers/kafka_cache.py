"""What Kafka needs once per machine: the jars, a formatted template and the trained cache."""

import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from mqtui.demo.servers import java, kafka
from mqtui.demo.servers.errors import KafkaMissing
from mqtui.demo.servers.kept import Kept
from mqtui.demo.servers.progress import Progress, Tell

_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class KafkaInstalled:
    """A Kafka that is ready to start: its runtime, its folder in the cache, its jars and the flags that help."""

    runtime: java.Java
    home: Path
    jars: tuple[Path, ...]
    flags: tuple[str, ...]


def prepare(kept: Kept, tell: Tell) -> KafkaInstalled:
    """Return what the cache holds, making what it lacks. Raises KafkaMissing with the reason where it can't be had."""
    runtime = java.find_java()
    home = (java.cache_folder() / kafka.HOME).resolve()
    try:
        return _prepare(kept, tell, runtime, home)
    except OSError as error:
        raise KafkaMissing(f"the cache of Kafka's jars can't be used: {error}") from error


def _prepare(kept: Kept, tell: Tell, runtime: java.Java, home: Path) -> KafkaInstalled:
    jars = tuple(java.jars(home, kafka.COORDINATES, "kafka", tell))
    if not _complete(home, runtime):
        with java.only_one(home.with_name(f"{home.name}.lock"), lambda: tell(Progress("kafka", "waiting"))):
            if not _complete(home, runtime):
                tell(Progress("kafka", "preparing"))
                unfinished = _empty(home / "unfinished")  # a killed process may have left some 100 MB there
                _make_template(kept, runtime, home, jars)
                _train(kept, runtime, home, jars)
                shutil.rmtree(unfinished)
    return KafkaInstalled(runtime, home, jars, kafka.start_flags(home, runtime))


def _complete(home: Path, runtime: java.Java) -> bool:
    trained = runtime.release < kafka.AOT_RELEASE or kafka.aot_cache(home, runtime).exists()
    return trained and (home / "template").is_dir()


def _make_template(kept: Kept, runtime: java.Java, home: Path, jars: tuple[Path, ...]) -> None:
    if (home / "template").is_dir():
        return
    folder = _empty(kept.folder / "kafka-format")
    process = kafka.format_process("kafka-format", folder, runtime, jars)
    kept.start(process)
    code = kept.wait(process.name, _PATIENCE)
    if code != 0:
        log = process.log.read_text(encoding="utf-8", errors="replace")
        raise KafkaMissing(f"Kafka's storage folder could not be formatted ({code}): {log[-1000:]}")
    fresh = home / "unfinished" / "template"
    shutil.copytree(folder / "template", fresh)
    fresh.rename(home / "template")


def _train(kept: Kept, runtime: java.Java, home: Path, jars: tuple[Path, ...]) -> None:
    """Run a node once, so that Java 25 writes down what it loaded; where it can't, an empty file says so."""
    if runtime.release < kafka.AOT_RELEASE:
        return
    cache = kafka.aot_cache(home, runtime)
    fresh = home / "unfinished" / cache.name
    flags = (f"-XX:AOTCacheOutput={fresh}",)
    recipe = kafka.recipe("kafka-training", kept.folder / "kafka-training", runtime, home=home, jars=jars, flags=flags)
    kept.start(recipe.main)
    until = time.monotonic() + _PATIENCE
    while not recipe.answers() and kept.code(recipe.name) is None and time.monotonic() < until:
        time.sleep(0.05)
    kept.signal(recipe.name, signal.SIGTERM)
    if kept.wait(recipe.name, _PATIENCE) is None:
        kept.signal(recipe.name, signal.SIGKILL)
        kept.wait(recipe.name, _PATIENCE)
    fresh.touch()
    fresh.rename(cache)
    shutil.rmtree(kept.folder / "kafka-training", ignore_errors=True)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
