"""How one server is started and how one sees that it answers: what kafka.py, rabbitmq.py and redis.py return."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a server; ``env`` is the whole environment, ``log`` takes stdout and stderr."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A server that can be started: every file it needs is written, its ports are chosen.

    ``url`` is in the form of mqtui's command line. ``ports`` names each listener. ``main`` is the server itself,
    ``beside`` are processes that must run before it. ``answers`` looks once, without waiting over a second, whether
    the server can be used. ``patience`` is in seconds.
    """

    name: str
    url: str
    ports: Mapping[str, int]
    main: Process
    answers: Callable[[], bool]
    beside: tuple[Process, ...] = ()
    patience: float = 60.0
