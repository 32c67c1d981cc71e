"""``python -m mqtui.demo.servers [KIND...]``: start the brokers, print one JSON line, run until SIGINT or SIGTERM."""

import json
import signal
import sys

from mqtui.demo.servers import KINDS, Progress, Servers


def _note(progress: Progress) -> None:
    amount = f" {progress.done / 1e6:.1f} MB, {progress.rate / 1e6:.1f} MB/s" if progress.done else ""
    print(f"{progress.server}: {progress.stage}{amount}", file=sys.stderr, flush=True)


def main() -> int:
    """Run the brokers named on the command line, or all three; return 1 where one is missing."""
    wanted = sys.argv[1:] or list(KINDS)
    if unknown := [kind for kind in wanted if kind not in KINDS]:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(KINDS)}", file=sys.stderr)
        return 2
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    code = 0
    with Servers(progress=_note) as servers:
        urls = {}
        for arrival in servers.start_each(wanted):
            if arrival.url is None:
                code = 1
                print(f"{arrival.kind}: {arrival.trouble}", file=sys.stderr, flush=True)
            else:
                urls[arrival.kind] = arrival.url
        print(json.dumps(urls), flush=True)
        signal.sigwait(ends)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
