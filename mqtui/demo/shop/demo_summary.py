"""What is wrong in the shop, in sentences, and commands to try: what ``mqtui demo`` prints."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mqtui.demo.shop.names import KafkaNames, RabbitNames, RedisNames
from mqtui.demo.shop.orders import WELL_TRAVELLED
from mqtui.demo.shop.spec import KINDS

COMMANDS: Final = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """Sentences about the brokers that run, and three shell commands with their URLs filled in."""

    sentences: tuple[str, ...]
    commands: tuple[str, ...]


def what_is_wrong(urls: Mapping[str, str], prefix: str = "") -> Trouble:
    """Tell the trouble on the given brokers (URL by ``kafka``, ``rabbitmq``, ``redis``); no broker, no trouble."""
    tellers = {"kafka": _kafka, "rabbitmq": _rabbitmq, "redis": _redis}
    told = [tellers[kind](shlex.quote(urls[kind]), prefix) for kind in KINDS if kind in urls]
    sentences = tuple(sentence for one in told for sentence in one.sentences)
    if len(told) == len(KINDS):
        sentences += (_well_travelled(prefix),)
    in_turn = itertools.zip_longest(*(one.commands for one in told))
    commands = [command for row in in_turn for command in row if command is not None]
    return Trouble(sentences, tuple(commands[:COMMANDS]))


def _well_travelled(prefix: str) -> str:
    kafka, rabbitmq, redis = KafkaNames(prefix), RabbitNames(prefix), RedisNames(prefix)
    return (
        f"Order {WELL_TRAVELLED} is on all three: dead in {kafka.orders_dlq}, on its way in {kafka.shipments}, its "
        f"receipt dead in {rabbitmq.emails_dlq}, paid in {redis.payments}, delivered in {redis.deliveries}."
    )


def _kafka(url: str, prefix: str) -> Trouble:
    names = KafkaNames(prefix)
    dlq = shlex.quote(names.orders_dlq)
    return Trouble(
        (
            f"{names.orders_dlq} holds 31 dead orders of three causes: 19 met a payment provider that was down and "
            "is up again, 8 lack a field, 4 have an amount that is no number. One more a minute.",
            f"{names.shipping} has stopped reading {names.orders}; its lag grows by 20 a second. "
            f"{names.reporting} is too slow, {names.billing} is well.",
            f"{names.invoices_dlt} and {names.connect_dlq} hold letters of a retry topic and of a sink connector.",
            f"{names.shipments} is Avro by two versions of its schema, {names.tracking} is Protobuf.",
        ),
        (
            f"mqtui dlq {url} {dlq}",
            f"mqtui lag {url}",
            f"mqtui redrive {url} {dlq} --dry-run",
        ),
    )


def _rabbitmq(url: str, prefix: str) -> Trouble:
    names = RabbitNames(prefix)
    dlq = shlex.quote(names.invoices_dlq)
    return Trouble(
        (
            f"{names.invoices_dlq} holds 19 dead invoices: 12 rejected (3 of them encrypted), 4 that used up their "
            f"deliveries, 3 expired. {names.invoices} is read more slowly than it is filled.",
            f"Nobody reads {names.emails}; {names.refunds_errors} holds 6 refunds with a Java stack trace each.",
        ),
        (
            f"mqtui redrive {url} {dlq} --dry-run",
            f"mqtui ls {url}",
            f"mqtui peek {url} {shlex.quote(names.audit)} -n 5",
        ),
    )


def _redis(url: str, prefix: str) -> Trouble:
    names = RedisNames(prefix)
    stream = shlex.quote(names.payments)
    return Trouble(
        (
            f"{names.dead_worker} of the group {names.ledger} died three hours ago with 42 payments in hand that "
            f"nobody books; {names.live_worker} is alive and would book what it is given.",
            f"{names.payments_dlq} holds 12 dead payments of three causes.",
        ),
        (
            f"mqtui pending {url} {stream} {names.ledger} --consumer {names.dead_worker}",
            f"mqtui claim {url} {stream} {names.ledger} --to {names.live_worker} --min-idle 2h --all --dry-run",
            f"mqtui dlq {url} {shlex.quote(names.payments_dlq)}",
        ),
    )
