"""``python -m mqtui.demo.shop``: seed the brokers of a spec, then trade until standard input ends or SIGTERM comes.

Standard input's first line is the spec as JSON (``mqtui.demo.shop.spec.Spec``); the rest is only watched for its end,
so the shop goes when its parent goes, even by ``kill -9``. Standard output gets one JSON line a broker:
``{"seeded": "kafka", "letters": {"orders.DLQ": 31, ...}, "seconds": 0.9}`` or ``{"failed": "kafka", "error": "..."}``.
Kafka's line has the URL of the schema registry too: ``"registry"``.
Exit codes: 0; 2 for a spec that can't be read; 70 for a fault of the shop itself.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import msgspec

from mqtui.demo.shop.brokers import open_branch
from mqtui.demo.shop.lifetime import live
from mqtui.demo.shop.loopback import RemoteRefused
from mqtui.demo.shop.registry_stand_in import start_stand_in
from mqtui.demo.shop.spec import Spec
from mqtui.demo.shop.workers import Workers

_GOODBYE_SECONDS = 2.0
_UNREADABLE = 2
_FAULT = 70
_printing = threading.Lock()


def main() -> None:
    """Run the shop; see the module."""
    threading.excepthook = _close_down
    staff = Workers()
    live(lambda: _trade(staff))
    staff.send_home(_GOODBYE_SECONDS)
    sys.stdout.flush()
    os._exit(0)


def _trade(staff: Workers) -> None:
    try:
        spec = Spec.from_line(sys.stdin.buffer.readline())
    except msgspec.DecodeError as unreadable:
        print(f"the spec can't be read: {unreadable}", file=sys.stderr, flush=True)
        os._exit(_UNREADABLE)
    if spec.kafka is not None and spec.registry is None:
        spec = replace(spec, registry=start_stand_in())
    for kind in spec.kinds():
        threading.Thread(target=_open, args=(kind, spec, staff), daemon=True).start()
    sys.stdin.buffer.read()


def _open(kind: str, spec: Spec, staff: Workers) -> None:
    begun = time.monotonic()
    branch = open_branch(kind)
    troubles: tuple[type[Exception], ...] = (*branch.trouble, RemoteRefused)
    try:
        letters = branch.seed(spec)
    except troubles as trouble:
        _say({"failed": kind, "error": f"{type(trouble).__name__}: {trouble}"})
        return
    news = {"seeded": kind, "letters": letters, "seconds": round(time.monotonic() - begun, 2)}
    _say(news | ({"registry": spec.registry} if kind == "kafka" else {}))
    for role in branch.roles(spec):
        staff.hire(role, branch.trouble)


def _close_down(fault: threading.ExceptHookArgs) -> None:
    """End the process where a thread ends by a fault of ours, so that nobody waits for it."""
    sys.__excepthook__(fault.exc_type, fault.exc_value or fault.exc_type(), fault.exc_traceback)
    os._exit(_FAULT)


def _say(news: dict[str, Any]) -> None:
    with _printing:
        print(json.dumps(news), flush=True)


if __name__ == "__main__":
    main()
