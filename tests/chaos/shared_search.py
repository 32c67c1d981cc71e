"""One of three processes that search together is killed: python -m tests.chaos.shared_search [--records 60000].

Each record is found, and what was found twice lies in a stretch that was named as perhaps scanned twice.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from confluent_kafka.admin import AdminClient

from mqtui.demo.servers import Servers
from tests.chaos.killing import KEY
from tests.cli.command_line import Mqtui
from tests.contract.world_kafka import KafkaWorld
from tests.contract.worlds import Letter

PARTITIONS = 6
PROGRAM = "([range(300)] | length > 0) and .n % 7 == 0"
"""Takes long enough on a record for a process to be killed before it has scanned all."""

PATIENCE = 180


@dataclass(frozen=True, slots=True)
class SharedHits:
    """How often each place was found, and the stretches that were named as perhaps scanned twice."""

    found: Counter[str]
    wanted: frozenset[str]
    repeated: Sequence[tuple[int, int, int]]
    """Partition, first offset, end."""

    refusal: str
    """What another search under the same name was told."""

    groups: frozenset[str]
    """The groups that are left."""

    @property
    def missed(self) -> frozenset[str]:
        return self.wanted - self.found.keys()

    @property
    def unnamed(self) -> list[str]:
        """Places that were found twice, and lie in no stretch that was named."""
        return [place for place, times in self.found.items() if times > 1 and not self._is_named(place)]

    def _is_named(self, place: str) -> bool:
        partition, offset = map(int, place.split("/"))
        return any(number == partition and start <= offset < end for number, start, end in self.repeated)


def kill_one_of_three(url: str, folder: Path, records: int) -> SharedHits:
    """The first of three is killed once it has given hits; the others end the search."""
    world = KafkaWorld(url)
    ref = world.create("shared", partitions=PARTITIONS)
    for partition in range(PARTITIONS):
        numbers = range(partition, records, PARTITIONS)
        world.put(ref, [Letter(b'{"n":%d}' % number) for number in numbers], partition=partition)
    caller = Mqtui(folder, KEY)
    name = world.prefix
    words = ("search", url, ref.name, PROGRAM, "--share", name, "--yes", "--json")
    running = [caller.start(*words)]
    out = running[0].stdout
    assert out is not None
    begun = [out.readline(), out.readline()]  # its plan, and its first hit
    running[0].kill()
    running += [caller.start(*words) for _ in range(2)]
    other = caller("search", url, ref.name, "--grep", "other", "--share", name, "--yes", within=PATIENCE)
    with ThreadPoolExecutor(len(running)) as readers:
        lines = begun + [line for part in readers.map(_ended, running) for line in part]
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return SharedHits(
        Counter(row["position"] for row in rows if "position" in row),
        frozenset(f"{number % PARTITIONS}/{number // PARTITIONS}" for number in range(0, records, 7)),
        [(row["partition"], row["offset"], row["end_offset"]) for row in rows if "end_offset" in row],
        other.err,
        _groups(world, name),
    )


def _ended(process: subprocess.Popen[bytes]) -> list[bytes]:
    """The lines that were not read yet."""
    with process:
        assert process.stdout is not None and process.stderr is not None
        lines, told = process.stdout.readlines(), process.stderr.read()
    assert process.returncode in (0, -9), told.decode()
    return lines


def _groups(world: KafkaWorld, name: str) -> frozenset[str]:
    servers = ",".join(f"{host}:{port}" for host, port in world.address.hosts)
    told = AdminClient({"bootstrap.servers": servers}).list_consumer_groups(request_timeout=PATIENCE).result()
    return frozenset(group.group_id for group in told.valid if group.group_id.endswith(f".search.{name}"))


def main() -> None:
    """Kill again and again, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with Servers() as servers, TemporaryDirectory() as folder:
        url = servers.start_all(["kafka"])["kafka"]
        for number in range(given.rounds):
            told = kill_one_of_three(url, Path(folder), given.records)
            twice = sum(times > 1 for times in told.found.values())
            print(
                f"round {number + 1}: {len(told.wanted):,} to find, {len(told.missed)} missed, {twice} twice, "
                f"of these {len(told.unnamed)} unnamed, groups left: {len(told.groups)}"
            )
            assert not told.missed and not told.unnamed and not told.groups


if __name__ == "__main__":
    main()
