"""The shop's branches, one a broker: how each is seeded, who works there, and what its client raises in trouble."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from mqtui.demo.shop.spec import Spec
from mqtui.demo.shop.workers import Role


@dataclass(frozen=True, slots=True)
class Branch:
    """A broker's part of the shop."""

    seed: Callable[[Spec], dict[str, int]]
    roles: Callable[[Spec], tuple[Role, ...]]
    trouble: tuple[type[Exception], ...]


def open_branch(kind: str) -> Branch:
    """Load the branch of ``kafka``, ``rabbitmq`` or ``redis`` and with it the client library."""
    seed = importlib.import_module(f"mqtui.demo.shop.{kind}_seed").seed
    roles = importlib.import_module(f"mqtui.demo.shop.{kind}_traffic").roles
    return Branch(seed, roles, _trouble(kind))


def _trouble(kind: str) -> tuple[type[Exception], ...]:
    if kind == "kafka":
        from confluent_kafka import KafkaException

        from mqtui.demo.shop.kafka_producing import NotDelivered

        return (KafkaException, NotDelivered, BufferError, OSError)
    if kind == "rabbitmq":
        from pika.exceptions import AMQPError

        from mqtui.demo.shop.rabbitmq_seed import LettersMissing

        return (AMQPError, LettersMissing, OSError)
    from redis import RedisError

    return (RedisError, OSError)
