"""Frozen time and predictable ids, so that two pictures of the same screen are equal."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import secrets
import sys
import time
from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import cache
from math import inf
from typing import Any

import pytest

import mqtui
from mqtui.domain.resource import BrokerKind
from mqtui.machine import process
from mqtui.services import poller
from mqtui.ui.session import gc_scheduler
from tests.memory.clock import START, Clock

SKIPPED = ("mqtui.demo", "mqtui.cli", "mqtui.__main__", "mqtui.brokers.kafka", "mqtui.brokers.rabbitmq")
"""Not drawn, and heavy to load."""


def freeze_time(patch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Let all of mqtui read the time from `clock`, take ids from a counter, and run as anna on ops-1."""

    class Still(datetime):
        """The time of day of `clock`."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Still:
            return cls.fromtimestamp(clock.now / 1000, tz)

    turns = itertools.count(1)

    def token(size: int = 16) -> str:
        return f"{next(turns) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128):032x}"[: 2 * size]

    _load_all()
    _replace(patch, time.time, lambda: clock.now / 1000)
    _replace(patch, time.monotonic, lambda: (clock.now - START) / 1000)
    _replace(patch, time.perf_counter, lambda: (clock.now - START) / 1000)
    _replace(patch, datetime, Still)
    _replace(patch, secrets.token_hex, token)
    patch.setattr(secrets, "token_hex", token)
    _replace(patch, process.operator, lambda: "anna")
    _replace(patch, process.host, lambda: "ops-1")
    patch.setattr(poller, "POLL_SECONDS", dict.fromkeys(BrokerKind, 3600.0))
    patch.setattr(poller, "RETRIES", (30.0,))
    patch.setattr(gc_scheduler, "INTERVAL_SECONDS", inf)  # by a clock that trade moves, one would be due at each tick
    patch.setattr(gc_scheduler, "MAX_INTERVAL_SECONDS", inf)


@cache
def _load_all() -> None:
    for module in pkgutil.walk_packages(mqtui.__path__, "mqtui.", onerror=_loud):
        if not module.name.startswith(SKIPPED):
            importlib.import_module(module.name)


def _loud(name: str) -> None:
    raise ImportError(name)


def _replace(patch: pytest.MonkeyPatch, real: object, still: Callable[..., Any]) -> None:
    """Replace a function wherever a module of mqtui has imported it by name."""
    for module in [module for name, module in sys.modules.items() if name.startswith("mqtui.")]:
        for name, value in list(vars(module).items()):
            if value is real:
                patch.setattr(module, name, still)
