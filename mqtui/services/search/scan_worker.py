"""The process that scans: `python -m mqtui.services.search.scan_worker`, started by `worker_process.py`.

It speaks in frames (`worker_frames.py`) on stdin and stdout. The end of stdin ends it at once: it holds nothing that
would have to be returned.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from contextlib import aclosing
from threading import Thread
from typing import BinaryIO

import msgspec

from mqtui.brokers.port import Broker
from mqtui.brokers.registry import connect
from mqtui.domain.errors import MqtuiError
from mqtui.services.decoding import build_decoder
from mqtui.services.search.matcher import MessageMatcher
from mqtui.services.search.scan_report import run_scan
from mqtui.services.search.worker_frames import (
    HEAD_BYTES,
    ScanJob,
    ScanOrder,
    WorkerAnswer,
    answer_of,
    encode_frame,
    error_answer,
)
from mqtui.state.crash_report import report_crash
from mqtui.state.log import mask_secrets

GC_THRESHOLD = 50_000


def main() -> None:
    """Serve one job."""
    gc.set_threshold(GC_THRESHOLD)
    asyncio.run(_serve())


async def _serve() -> None:
    frames: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    Thread(target=_read_frames, args=(sys.stdin.buffer, loop, frames), daemon=True).start()
    job = msgspec.msgpack.decode(await frames.get(), type=ScanJob)
    mask_secrets((job.address.secret, *job.address.secrets.values()))
    adapter = None
    try:
        decoder = await asyncio.to_thread(build_decoder, dict(job.keys), job.rules, job.address)
        adapter = connect(job.address)
        async with MessageMatcher(job.query, decoder, job.jq_processes) as matcher:
            _write(WorkerAnswer(has_ended=True))
            while True:
                order = msgspec.msgpack.decode(await frames.get(), type=ScanOrder)
                await _scan(adapter.broker, matcher, order)
    except MqtuiError as error:
        _write(error_answer(error))
    except Exception as error:  # noqa: BLE001 - the parent shows what happened; the report has the rest
        _write(error_answer(report_crash(error)))
    finally:
        if adapter is not None:
            await adapter.close()


async def _scan(broker: Broker, matcher: MessageMatcher, order: ScanOrder) -> None:
    try:
        async with aclosing(run_scan(broker, matcher, order.ref, order.ranges, order.first)) as reports:
            async for report in reports:
                _write(answer_of(report))
    except MqtuiError as error:
        _write(error_answer(error))
    else:
        _write(WorkerAnswer(has_ended=True))


def _read_frames(source: BinaryIO, loop: asyncio.AbstractEventLoop, frames: asyncio.Queue[bytes]) -> None:
    """In a thread: hand frames to the loop; the end of stdin ends the process."""
    while len(head := source.read(HEAD_BYTES)) == HEAD_BYTES:
        body = source.read(int.from_bytes(head, "big"))
        loop.call_soon_threadsafe(frames.put_nowait, body)
    os._exit(0)


def _write(answer: WorkerAnswer) -> None:
    """Write an answer. A parent that does not read makes the scan wait; one that is gone ends the process."""
    try:
        sys.stdout.buffer.write(encode_frame(answer))
        sys.stdout.buffer.flush()
    except OSError:
        os._exit(0)


if __name__ == "__main__":
    main()
