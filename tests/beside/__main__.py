"""Print the table: `python -m tests.beside [--every]`. Exits 1 where a figure of ours is wrong.

The demo's brokers and the cases on them (C35, C36, C43, C45 to C50, C53), then C33, C34 and C51 on servers of their
own. C44 has no figure beside a broker's: what screens say before figures come is in tests/ui/test_figures.py. The tools
of Kafka need their jar, fetched once. The shop's processes are stopped meanwhile, so that nothing moves.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mqtui.demo.session import DemoSession
from mqtui.demo.shop.names import RabbitNames
from mqtui.domain.figure import exact
from tests.beside import apart
from tests.beside.kafka_rows import KafkaCases, compare_kafka
from tests.beside.kafka_theirs import by_tools, tools_jar
from tests.beside.ours import look_at
from tests.beside.rabbitmq_rows import RabbitCases, compare_rabbitmq, compare_rate, listed, settle
from tests.beside.redis_rows import RedisCases, compare_redis, without_groups
from tests.beside.rows import Place, Row, table
from tests.brokers import Brokers
from tests.cli.command_line import Mqtui

HELD = 100_000
ONE_SAMPLE = 6.0
"""Seconds after which the management API has sampled a queue once more."""


def main(folder: Path) -> int:
    """Start everything, compare, print; the exit code."""
    for name in ("config", "state"):
        os.environ[f"MQTUI_{name.upper()}_DIR"] = str(folder / name)
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    mqtui = Mqtui(folder, "")
    tools_jar()
    with DemoSession() as session:
        for opened in session.openings():
            if opened.trouble:
                sys.exit(f"{opened.kind}: {opened.trouble}")
        rows = [*on_the_demo(session, mqtui)]
    show(rows)
    brokers = Brokers()
    try:
        others = [*apart.nodes_of_a_cluster(brokers), *apart.brokers_that_go(brokers, mqtui)]
    finally:
        brokers.close()
    show(others)
    rows += others
    wrong = [row for row in rows if row.differs]
    print(f"{len(rows)} compared, {len(wrong)} differ")
    return 1 if wrong else 0


def show(rows: list[Row]) -> None:
    """Print rows as a table."""
    for line in table(rows, every="--every" in sys.argv):
        print(line, flush=True)


def on_the_demo(session: DemoSession, mqtui: Mqtui) -> Iterator[Row]:
    """The demo's own places and the cases beside them."""
    urls = session.urls()
    kafka, rabbit, redis = (
        KafkaCases(urls["kafka"], share=True),
        RabbitCases(urls["rabbitmq"]),
        RedisCases(urls["redis"], HELD),
    )
    feed = RabbitNames(session.prefix).feed_search
    yield compare_rate(asyncio.run(look_at(urls["rabbitmq"])), listed(rabbit.rabbit), feed)
    with stopped(session):
        time.sleep(ONE_SAMPLE)
        told = settle(rabbit.rabbit, rabbit.case_of)
        yield from compare_rabbitmq(asyncio.run(look_at(urls["rabbitmq"])), rabbit.rabbit, told, rabbit.case_of)
        yield from compare_redis(asyncio.run(look_at(urls["redis"])), redis.stage.client, redis.case_of)
        theirs = by_tools(kafka.bootstrap, share=True)
        yield from compare_kafka(asyncio.run(look_at(urls["kafka"])), theirs, kafka.bootstrap, kafka.case_of)
        yield from kafka.said(mqtui)
        yield from without_groups(urls["redis"], mqtui)
        yield from of_several(urls, mqtui)
    for cases in (kafka, rabbit, redis):
        cases.close()


def of_several(urls: dict[str, str], mqtui: Mqtui) -> Iterator[Row]:
    """C53: the dead letters of a profile of several brokers are those of each; one that is silent is named."""
    for url in urls.values():
        mqtui("profile", "add", "several", url.replace("guest:guest@", "")).ok()
    each = sum(len(mqtui("dlq", url, "--json").ok().rows()) for url in urls.values())
    whole = len(mqtui("dlq", "several", "--json").ok().rows())
    yield Place("C53", "a profile of three brokers", "dlq").compare(exact(whole), each)


@contextmanager
def stopped(session: DemoSession) -> Iterator[None]:
    """The shop's processes stand still for a while."""
    shops = session.shop_pids()
    for pid in shops:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in shops:
            os.kill(pid, signal.SIGCONT)


with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
    code = main(Path(place))
sys.exit(code)
