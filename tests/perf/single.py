"""What it costs to ask about one thing in a big world: python -m tests.perf.single [--broker redis] [--tree FOLDER].

Each command runs as a process of its own. Printed are the seconds to its first output and to its end (the medians), its
memory, and what the broker itself was asked: Redis by `INFO commandstats`, Kafka and RabbitMQ through a counting proxy
(in a run of its own, so that the proxy costs the times nothing). `--tree` measures another checkout in the same run,
such as the one before a change. On Kafka `lag` is measured beside `kafka-consumer-groups --describe --all-groups`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TypeAlias

from mqtui.demo.servers import Servers, java, kafka
from mqtui.demo.servers.ports import free_ports
from mqtui.demo.servers.progress import tell_nobody
from mqtui.demo.shop.connections import redis_client
from tests.perf import big_world
from tests.perf.counting_proxy import CountingProxy, Seen, amqp_methods, http_requests, kafka_requests
from tests.perf.keys import own
from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
TOOLS = "org.apache.kafka:kafka-tools:4.3.1"
PROMISED = 5.0
"""How many times faster than Kafka's own tool `lag` is to be."""

Asked: TypeAlias = Callable[[], Seen]
"""Gives what the broker was asked since the last call."""


@dataclass(frozen=True, slots=True)
class Case:
    """A command; `seen` is what the console has to show, where it is one for the console."""

    words: tuple[str, ...]
    seen: str = ""

    def __str__(self) -> str:
        return " ".join(("mqtui", *self.words))


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds to the first output and to the end; the most memory in MB."""

    first: float
    whole: float
    memory: float = 0.0


@dataclass(frozen=True, slots=True)
class World:
    """A filled broker: its URL, the one that is counted, and what was asked there."""

    url: str
    counted: str
    asked: Asked
    cases: Sequence[Case]


@contextmanager
def kafka_world(servers: Servers) -> Iterator[World]:
    """Kafka behind a listener whose clients go through the proxy."""
    (port,) = free_ports(1)
    url = servers.start_kafka(listeners={"counted": f"PLAINTEXT@127.0.0.1:{port}"}, java_flags=("-Xmx1g",))
    behind = servers.ports("kafka")["counted"]
    with closing(CountingProxy(("127.0.0.1", behind), kafka_requests, port)) as proxy:
        big_world.fill_kafka(url)
        yield World(
            url,
            f"kafka://127.0.0.1:{port}",
            proxy.take,
            (
                Case(("TARGET", big_world.TOPIC), '"order"'),
                Case(("TARGET",), "shop.orders."),
                Case(("ls", "TARGET")),
                Case(("dlq", "TARGET")),
                Case(("lag", "TARGET")),
                Case(("lag", "TARGET", big_world.GROUP)),
                Case(("peek", "TARGET", big_world.TOPIC, "-n", "3")),
                Case(("groups", "TARGET", big_world.TOPIC)),
            ),
        )


@contextmanager
def rabbitmq_world(servers: Servers) -> Iterator[World]:
    """RabbitMQ, both ports behind proxies."""
    url = servers.start_rabbitmq()
    amqp, management = (servers.ports("rabbitmq")[name] for name in ("amqp", "management"))
    with (
        closing(CountingProxy(("127.0.0.1", amqp), amqp_methods)) as first,
        closing(CountingProxy(("127.0.0.1", management), http_requests)) as second,
    ):
        big_world.fill_rabbitmq(url)

        def asked() -> Seen:
            by_amqp, by_http = first.take(), second.take()
            return Seen(
                by_http.requests + Counter({"AMQP connection": by_amqp.connections}),
                by_amqp.connections + by_http.connections,
                by_amqp.answered + by_http.answered,
            )

        yield World(
            url,
            url.replace(f":{amqp}", f":{first.port}").replace(f":{management}", f":{second.port}"),
            asked,
            (
                Case(("TARGET", big_world.QUEUE), "{}"),
                Case(("TARGET",), "shop.work."),
                Case(("ls", "TARGET")),
                Case(("dlq", "TARGET")),
                Case(("lag", "TARGET")),
                Case(("peek", "TARGET", big_world.QUEUE, "-n", "3")),
                Case(("groups", "TARGET", big_world.QUEUE)),
            ),
        )


@contextmanager
def redis_world(servers: Servers) -> Iterator[World]:
    """Redis, which counts by itself."""
    url = servers.start_redis()
    big_world.fill_redis(url)
    with closing(redis_client(url)) as client:
        reply: Any = client.xinfo_stream(big_world.STREAM)
        ids, last = ([reply[end][0].decode()] for end in ("first-entry", "last-entry"))
        before = [0]

        def asked() -> Seen:
            stats = client.info("commandstats")
            answered = int(client.info("stats")["total_net_output_bytes"])
            client.config_resetstat()
            seen, before[0] = answered - before[0], 0
            own_calls = {"info", "config|resetstat", "hello", "client|setinfo", "auth", "select"}
            named = {name.removeprefix("cmdstat_"): int(told["calls"]) for name, told in stats.items()}
            return Seen(Counter({name: calls for name, calls in named.items() if name not in own_calls}), 0, seen)

        asked()
        stream = big_world.STREAM
        yield World(
            url,
            url,
            asked,
            (
                Case(("TARGET", stream), "parcel"),
                Case(("TARGET",), stream),
                Case(("ls", "TARGET")),
                Case(("dlq", "TARGET")),
                Case(("lag", "TARGET", f"{big_world.SMALL_STREAM}/{big_world.READERS}")),
                Case(("groups", "TARGET", stream)),
                Case(("peek", "TARGET", stream, "-n", "3")),
                Case(("ack", "TARGET", stream, "g", *last, "--dry-run")),
                Case(("ack", "TARGET", stream, "g", *ids, "--yes")),
                Case(("claim", "TARGET", stream, "g", *last, "--to", "other", "--min-idle", "1ms", "--dry-run")),
                Case(("pending", "TARGET", stream, "g", "-n", "3")),
                Case(("pending", "TARGET", stream, "g")),
            ),
        )


WORLDS = {"kafka": kafka_world, "rabbitmq": rabbitmq_world, "redis": redis_world}


def environment(folder: str, tree: Path) -> Mapping[str, str]:
    """Folders of its own, and the bytecode that a first start leaves, as an installed package has it."""
    kept = Path(folder, tree.name)
    return {
        **own(str(kept)),
        "PYTHONPATH": str(tree),
        "PYTHONPYCACHEPREFIX": str(kept / "bytecode"),
        "PYTHONDONTWRITEBYTECODE": "",
    }


def run(case: Case, url: str, variables: Mapping[str, str], tree: Path) -> Took:
    """Run a command to its end."""
    words = [sys.executable, "-m", "mqtui", *(url if word == "TARGET" else word for word in case.words)]
    if case.seen:
        with contextlib.chdir(tree), Terminal(words, variables) as terminal:
            seen = terminal.reads(case.seen, 120) - terminal.began
        return Took(seen, seen)
    began = perf_counter()
    process = subprocess.Popen(words, env=variables, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.read(1)
    first = perf_counter() - began
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Took(first, perf_counter() - began, usage.ru_maxrss / 1024)


def measure(world: World, case: Case, folder: str, tree: Path, rounds: int) -> tuple[Took, Seen]:
    """The medians of several runs, and what the broker was asked in one more, which is the first."""
    variables = environment(folder, tree)
    world.asked()
    run(case, world.counted, variables, tree)
    seen = world.asked()
    took = [run(case, world.url, variables, tree) for _ in range(rounds)]
    return Took(*(median(getattr(one, name) for one in took) for name in ("first", "whole", "memory"))), seen


def told(took: Took, seen: Seen) -> str:
    """One line of figures."""
    asked = ", ".join(f"{name} {count:,}" for name, count in seen.requests.most_common(8))
    return (
        f"first {took.first:6.2f} s  whole {took.whole:6.2f} s  {took.memory:5.0f} MB  "
        f"{seen.requests.total():6,} requests  {seen.answered / 1024:9,.0f} kB  [{asked}]"
    )


def kafka_tool(servers: Servers) -> list[str]:
    """The command of Kafka's own tool."""
    del servers
    runtime = java.find_java()
    home = java.cache_folder() / TOOLS.rpartition(":")[0].replace(":", "-")
    jars = java.jars(home, (TOOLS, kafka.COORDINATES[1]), "kafka", tell_nobody)
    path = os.pathsep.join(map(str, jars))
    main = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
    return [str(runtime.path), "-Xmx256m", "-cp", path, main, "--describe", "--all-groups", "--bootstrap-server"]


def lag_ratio(world: World, servers: Servers, folder: str, tree: Path, rounds: int) -> float:
    """Print and return how many times longer Kafka's own tool takes, each in turn."""
    tool = [*kafka_tool(servers), world.url.removeprefix("kafka://")]
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(run(Case(("lag", "TARGET")), world.url, environment(folder, tree), tree).whole)
        began = perf_counter()
        done = subprocess.run(tool, check=True, capture_output=True)
        theirs.append(perf_counter() - began)
        assert done.stdout.count(b"\n") > big_world.COMMITS, done.stderr[-500:]
    ratio = median(theirs) / median(ours)
    print(
        f"lag of {big_world.GROUPS} groups, {big_world.COMMITS:,} places [{tree.name}]: {median(ours):.2f} s, "
        f"Kafka's own tool {median(theirs):.2f} s, ratio {ratio:.1f} (promised {PROMISED:.0f})",
        flush=True,
    )
    return ratio


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.single")
    parser.add_argument("--broker", action="append", choices=WORLDS, help="several times for several; all by default")
    parser.add_argument("--tree", action="append", type=Path, default=[], help="another checkout, measured before")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="commands that hold this text")
    asked = parser.parse_args()
    slow = False
    with Servers() as servers, TemporaryDirectory(prefix="mqtui-single-") as folder:
        for name in asked.broker or WORLDS:
            with WORLDS[name](servers) as world:
                print(f"--- {name}: {world.url}", flush=True)
                for case in world.cases:
                    if asked.only not in str(case):
                        continue
                    print(case, flush=True)
                    for tree in (*asked.tree, ROOT):
                        print(f"  {tree.name:10} {told(*measure(world, case, folder, tree, asked.rounds))}", flush=True)
                if name == "kafka" and asked.only in "lag":
                    for tree in (*asked.tree, ROOT):
                        ratio = lag_ratio(world, servers, folder, tree, asked.rounds + 2)
                    slow = ratio < PROMISED
            servers.discard(name)
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
