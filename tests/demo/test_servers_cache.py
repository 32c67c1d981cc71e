"""The cache of downloads: complete or absent, whoever asks at the same time, whatever was left by a killed one."""

import gc
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mqtui.demo.servers import KafkaMissing, Progress
from mqtui.demo.servers.java import cache_folder, find_java, jars

SMALL = ("org.slf4j:slf4j-simple:1.7.36",)
"""Two jars of 57 kB: the same code path as Kafka's 46."""
RESOLVE = """
import json, sys
from pathlib import Path
from mqtui.demo.servers.java import jars
told = []
found = jars(Path(sys.argv[1]), ["org.slf4j:slf4j-simple:1.7.36"], "kafka", told.append)
print(json.dumps({"jars": [str(jar) for jar in found], "stages": sorted({progress.stage for progress in told})}))
"""


def test_two_processes_at_once_download_once_and_see_the_same(tmp_path: Path) -> None:
    home = tmp_path / "kafka"
    askers = [
        subprocess.Popen([sys.executable, "-c", RESOLVE, str(home)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [json.loads(asker.communicate(timeout=60)[0]) for asker in askers]
    assert answers[0]["jars"] == answers[1]["jars"]
    assert sorted(Path(jar).name for jar in answers[0]["jars"]) == ["slf4j-api-1.7.36.jar", "slf4j-simple-1.7.36.jar"]
    assert sum("downloading" in answer["stages"] for answer in answers) == 1
    for jar in answers[0]["jars"]:
        with zipfile.ZipFile(jar) as archive:
            assert archive.testzip() is None
    assert sorted(path.name for path in home.iterdir()) == ["finished", "jars"]


def test_what_a_killed_download_left_is_thrown_away(tmp_path: Path) -> None:
    home = tmp_path / "kafka"
    (home / "jars").mkdir(parents=True)
    (home / "jars" / "slf4j-api-1.7.36.jar").write_bytes(b"half a jar")
    told: list[Progress] = []
    found = jars(home, SMALL, "kafka", told.append)
    assert all(zipfile.is_zipfile(jar) for jar in found)
    assert told[-1].stage == "downloading"
    assert told[-1].done > 0
    assert told[-1].rate > 0


def test_a_finished_cache_asks_nobody(tmp_path: Path) -> None:
    home = tmp_path / "kafka"
    first = jars(home, SMALL, "kafka", lambda _: None)
    told: list[Progress] = []
    assert jars(home, ["no.such:thing:1"], "kafka", told.append) == first
    assert told == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # jgo leaves a 404's socket open
def test_jars_that_cannot_be_had_are_kafka_missing_and_leave_no_finished_cache(tmp_path: Path) -> None:
    home = tmp_path / "kafka"
    with pytest.raises(KafkaMissing, match=r"no\.such:thing:1 could not be downloaded") as missing:
        jars(home, ["no.such:thing:1"], "kafka", lambda _: None)
    assert "network" in missing.value.remedy
    assert not (home / "finished").exists()
    gc.collect()


def test_no_network_is_kafka_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with pytest.raises(KafkaMissing, match="could not be downloaded"):
        jars(tmp_path / "kafka", SMALL, "kafka", lambda _: None)


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MQTUI_CACHE_DIR", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("MQTUI_CACHE_DIR")
    assert cache_folder().name == "mqtui"


def test_a_java_that_runs_kafka_is_found() -> None:
    runtime = find_java()
    assert runtime.release >= 17
    assert os.access(runtime.path, os.X_OK)
