"""mqtui with each call of its own functions counted: python call_probe.py FILE WORDS...

Calls are counted from the start; SIGUSR1 begins anew, SIGUSR2 and the end of the process write FILE. Other processes
that it starts are not counted.
"""

from __future__ import annotations

import atexit
import json
import runpy
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

PACKAGE = "/mqtui/"


def main() -> None:
    """Count what the words of the command line do."""
    file = Path(sys.argv[1])
    calls: Counter[CodeType] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            calls[frame.f_code] += 1

    def write(*_: object) -> None:
        ours = [(code, many) for code, many in calls.copy().items() if PACKAGE in code.co_filename]
        told = {
            "calls": sum(many for _, many in ours),
            "functions": len({(code.co_filename, code.co_firstlineno) for code, _ in ours if code.co_name[0] != "<"}),
            "files": len({code.co_filename for code, _ in ours if code.co_name != "<module>"}),
        }
        half = file.with_suffix(".half")
        half.write_text(json.dumps(told), encoding="utf-8")
        half.rename(file)

    signal.signal(signal.SIGUSR1, lambda *_: calls.clear())
    signal.signal(signal.SIGUSR2, write)
    atexit.register(write)
    sys.argv = ["mqtui", *sys.argv[2:]]
    threading.setprofile(count)
    sys.setprofile(count)
    runpy.run_module("mqtui", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
