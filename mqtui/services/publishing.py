"""Publishes messages: each is confirmed by the broker, or reported as refused or unknown."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice

from msgspec import structs

from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.figure import Figure
from mqtui.domain.message import MessageFormat, Outgoing
from mqtui.domain.plan import Plan, Send
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.services.rate_limit import RateLimiter
from mqtui.services.session import Session

CHUNK_SIZE = 500
IDEMPOTENCY = "idempotency-key"


@dataclass(frozen=True, slots=True)
class PublishedBatch:
    """Messages, and the broker's receipt for each."""

    messages: Sequence[Outgoing]
    receipts: Sequence[Receipt]


async def plan_publish(
    session: Session, targets: Sequence[Ref], count: Figure, facts: Sequence[tuple[str, str]] = ()
) -> Plan:
    """Plan a publication; every target of the messages must be in it. The broker is asked for the right to publish.

    Raises:
        CannotConnect, BrokerTrouble: it can't be asked.
    """
    return Plan(
        id=secrets.token_hex(16),
        verb=Verb.PUBLISH,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=tuple(Send(target, count) for target in targets),
        count=count,
        facts=tuple(facts),
        risks=tuple(await session.broker.check_publish(targets)),
    )


async def publish(
    session: Session, planned: Plan, consent: Consent, messages: Iterable[Outgoing], rate: float | None = None
) -> AsyncGenerator[PublishedBatch]:
    """Send all messages in chunks, at most `rate` a second, and give the receipts of each chunk.

    Raises:
        Refused, NeedsConsent: as the guard says.
    """
    async with aclosing(publish_batches(session, planned, consent, _chunks(messages), rate)) as chunks:
        async for sent in chunks:
            yield sent


async def _chunks(messages: Iterable[Outgoing]) -> AsyncIterator[Sequence[Outgoing]]:
    remaining = iter(messages)
    while chunk := list(islice(remaining, CHUNK_SIZE)):
        yield chunk


async def publish_batches(
    session: Session,
    planned: Plan,
    consent: Consent,
    batches: AsyncIterable[Sequence[Outgoing]],
    rate: float | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncGenerator[PublishedBatch]:
    """Send batches as they come, at most `rate` a second; the receipts of each chunk. `stop` ends the batches too.

    The audit has the counts, also where an error ends it.

    Raises:
        Refused, NeedsConsent: as the guard says.
        MqtuiError: what the batches raise; all that came before was sent.
    """
    pace = RateLimiter(rate)
    counts: Counter[PublishStatus] = Counter()
    async with session.guard.writing(planned, consent) as writer, writer.publisher() as publisher:
        async for batch in batches:
            size = pace.batch_size(CHUNK_SIZE)
            for first in range(0, len(batch), size):
                if stop is not None and stop.is_set():
                    break
                chunk = batch[first : first + size]
                receipts = await publisher.send(chunk)
                counts.update(receipt.state for receipt in receipts)
                writer.result = ", ".join(f"{number} {state}" for state, number in counts.items())
                yield PublishedBatch(chunk, receipts)
                await pace.wait_after(len(chunk), stop)
        if stop is not None and stop.is_set():
            writer.result = f"{writer.result}; stopped"


def with_idempotency_key(message: Outgoing, kind: BrokerKind, key: str) -> Outgoing:
    """The message with an idempotency key: a header on Kafka, `message_id` on RabbitMQ, a field on Redis.

    `auto` derives it from key, value and fields, so that sending the same again gives the same key.
    """
    if key == "auto":
        digest = hashlib.sha256()
        for part in (message.key or b"", message.value or b"", *(piece for pair in message.fields for piece in pair)):
            digest.update(len(part).to_bytes(8, "big") + part)
        key = digest.hexdigest()[:32]
    written = traits_of(kind).message_format
    if written is MessageFormat.AMQP:
        others = tuple(pair for pair in message.properties if pair[0] != "message_id")
        return structs.replace(message, properties=(*others, ("message_id", key)))
    if written is MessageFormat.ENTRY:
        return structs.replace(message, fields=(*message.fields, (IDEMPOTENCY.encode(), key.encode())))
    return structs.replace(message, headers=(*message.headers, (IDEMPOTENCY, key.encode(), "")))
