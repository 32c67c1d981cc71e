"""Ports of servers: one that was given out is given to nobody else, before its server listens and while it is down."""

import subprocess
import sys

import pytest

from mqtui.demo.servers import ports

OTHER = """
import sys
from mqtui.demo.servers import ports
ports._CHANCE.sample = lambda *_: [int(word) for word in sys.argv[1:]]
print(*ports.free_ports(1))
"""
SPARE = range(30_000, 30_050)
"""Numbers that are never chosen by chance."""


def chosen_elsewhere(*candidates: int) -> int:
    """The port that another process takes where it tries these in their order."""
    told = subprocess.run(
        [sys.executable, "-c", OTHER, *map(str, candidates)], capture_output=True, text=True, check=True, timeout=60
    )
    return int(told.stdout)


def test_a_port_that_nobody_listens_on_yet_is_not_given_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    (taken,) = ports.free_ports(1)
    monkeypatch.setattr(ports._CHANCE, "sample", lambda *_: [taken, *SPARE])
    (other,) = ports.free_ports(1)
    assert other in SPARE


def test_nor_to_another_process_while_this_one_runs() -> None:
    (taken,) = ports.free_ports(1)
    assert chosen_elsewhere(taken, *SPARE) in SPARE


def test_a_port_is_free_again_when_its_taker_has_ended() -> None:
    first = chosen_elsewhere(*reversed(SPARE))
    assert chosen_elsewhere(first, *SPARE) == first
