"""Queues that lend their messages: what reading them costs, asked for all of them together, once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import Figure
from mqtui.domain.resource import ParsedName, Ref
from mqtui.services.browse import PeekRequest, prepare_peek, why_no_peek
from mqtui.services.session import Session

PRICES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class PricedQueue:
    """A queue that waits for an answer to its price, and how many messages are ready in it."""

    session: Session
    ref: Ref
    messages: Figure


@dataclass(frozen=True, slots=True)
class PriceQuestion:
    """The queues that may be read, each with its price, and why others are refused."""

    requests: tuple[tuple[PricedQueue, PeekRequest], ...]
    refused: tuple[tuple[PricedQueue, str], ...]
    depth: int

    @property
    def text(self) -> str:
        """What reading them costs, in a sentence."""
        spending = sum(request.price.spends for _, request in self.requests)
        queues = f"each of {len(self.requests):,} queues" if len(self.requests) > 1 else str(self.requests[0][0].ref)
        spends = f"; it counts as a delivery of each message in {spending:,} of them" if spending else ""
        return f"takes up to {self.depth:,} messages out of {queues} and returns them once{spends}"


async def ask_prices(queues: Sequence[PricedQueue], depth: int) -> PriceQuestion:
    """Ask for the price of each queue."""
    gate = asyncio.Semaphore(PRICES_AT_ONCE)

    async def ask(queue: PricedQueue) -> PeekRequest | str:
        async with gate:
            try:
                name = ParsedName(queue.ref.name, queue.ref.kind)
                request = await prepare_peek(queue.session, name, depth, None, None)
            except MqtuiError as error:
                return error.title
            return why_no_peek(queue.session.policy, request.price) or request

    answers = await asyncio.gather(*map(ask, queues))
    asked = list(zip(queues, answers, strict=True))
    return PriceQuestion(
        tuple((queue, answer) for queue, answer in asked if isinstance(answer, PeekRequest)),
        tuple((queue, answer) for queue, answer in asked if isinstance(answer, str)),
        depth,
    )
