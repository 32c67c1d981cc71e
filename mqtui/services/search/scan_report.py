"""Runs a scan in this process, and says what each part of it found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from mqtui.brokers.port import Broker
from mqtui.domain.errors import MqtuiError, NotFound
from mqtui.domain.message import Message
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import Ref
from mqtui.domain.scan import ScanRange, ScanStep
from mqtui.services.search.matcher import MessageMatcher
from mqtui.services.search.port_scan import scan

SILENCE = 3.0
"""Seconds without a step after which the broker is asked whether the destination is still there."""


class ScanReport(msgspec.Struct, frozen=True, gc=False):
    """What a part of a scan found. Counts are those of this part; `left` and `is_settled` are as in `ScanStep`."""

    scanned: int
    size: int
    undecodable: int
    failed: int
    hits: Sequence[Message]
    left: tuple[ScanRange, ...]
    is_settled: bool
    failure_reasons: tuple[str, ...] = ()
    """Why the jq program failed so far."""


async def run_scan(
    broker: Broker, matcher: MessageMatcher, ref: Ref, ranges: Sequence[ScanRange], first: Edge
) -> AsyncGenerator[ScanReport]:
    """Scan stretches of a destination.

    Raises:
        NotFound: it was deleted meanwhile.
        OverBudget: the jq program uses up its budget on too many messages.
    """
    async with aclosing(scan(broker, ref, ranges, matcher.column_test(ref.name), first)) as steps:
        while (step := await _next_step(broker, ref, steps)) is not None:
            undecodable, failed = matcher.undecodable, matcher.failures
            hits = await matcher.select(step.candidates) if step.candidates is not None else ()
            yield ScanReport(
                step.scanned,
                step.size,
                matcher.undecodable - undecodable,
                matcher.failures - failed,
                hits,
                step.left,
                step.is_settled,
                tuple(matcher.failure_reasons()),
            )


async def _next_step(broker: Broker, ref: Ref, steps: AsyncGenerator[ScanStep]) -> ScanStep | None:
    """The next step, None at the end. One that does not come may mean that the destination is gone."""
    coming = asyncio.ensure_future(anext(steps, None))
    try:
        while not (await asyncio.wait({coming}, timeout=SILENCE))[0]:
            await _require_existing(broker, ref)
        return coming.result()
    except MqtuiError:
        await _require_existing(broker, ref)
        raise
    finally:
        if not coming.done():
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _require_existing(broker: Broker, ref: Ref) -> None:
    try:
        await broker.catalog.locate(ref)
    except NotFound:
        raise NotFound(
            f"{ref} was deleted while it was searched", "What was found stays.", "mqtui ls lists what is there."
        ) from None
    except MqtuiError:
        return
