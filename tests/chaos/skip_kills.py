"""Skips with copies, killed at random: `python -m tests.chaos.skip_kills [KILLS] [SEED]`.

Each round starts `mqtui offsets --skip`, kills it with SIGKILL, and lets `mqtui runs resume` go on. At the end each
record before the group's offset has one copy, and no other has any. It starts a Kafka of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter

from tests.brokers import Brokers
from tests.contract.kafka_cluster import KafkaCluster
from tests.contract.test_kafka_offsets import commit, standing

SKIP = 20
SPAN = 0.6, 1.0
"""When kills come, in parts of the time that the first run takes, which is not killed: before, it only plans."""


def main(kills: int, seed: int) -> None:
    """Kill, resume, and print how many copies are there of how many records, and how the kills fell."""
    brokers, dice = Brokers(), random.Random(seed)
    try:
        kafka = KafkaCluster(brokers.kafka())
        ref, dead = kafka.topic("work"), kafka.topic("dead")
        values = kafka.fill(ref, SKIP * (kills + 1))
        group = asyncio.run(commit(kafka, f"{kafka.prefix}.stuck", ref, [0]))
        fell: Counter[str] = Counter()
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"MQTUI_STATE_DIR": folder, "MQTUI_CONFIG_DIR": folder}
            mqtui = (sys.executable, "-m", "mqtui")
            words = ("offsets", kafka.url, group.name, ref.name, "--skip", str(SKIP), "--copy-to", dead.name, "--yes")
            began = time.monotonic()
            subprocess.run([*mqtui, *words], env=environment, stdout=-3, stderr=-3, check=True)
            whole = time.monotonic() - began
            for _ in range(kills):
                process = subprocess.Popen([*mqtui, *words], env=environment, stdout=-3, stderr=-3)
                try:
                    process.wait(whole * dice.uniform(*SPAN))
                    fell["ended before"] += 1
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                listed = subprocess.run([*mqtui, "runs", "--json"], env=environment, stdout=-1, check=True).stdout
                for run in map(json.loads, listed.splitlines()):
                    if run["state"] == "interrupted":
                        fell["resumed"] += 1
                        again = (*mqtui, "runs", "resume", run["run"], "--yes")
                        subprocess.run(again, env=environment, stdout=-3, stderr=-3, check=True)
        (offset,) = asyncio.run(standing(kafka, group, ref)).values()
        copies = Counter(kafka.values(dead))
        assert copies == Counter(values[:offset]), (offset, copies)
        print(json.dumps({"seed": seed, "kills": kills, "skipped": offset, "copies": copies.total(), **fell}))
        kafka.close()
    finally:
        brokers.close()


if __name__ == "__main__":
    main(*(int(word) for word in (*sys.argv[1:], "25", "15")[:2]))
