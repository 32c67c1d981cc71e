"""Risks of a redrive plan on any broker: retry stages, a missing bundle key, a target that is the source."""

from __future__ import annotations

from functools import partial

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.capability import Verb
from mqtui.domain.errors import Refused
from mqtui.domain.plan import Risk, Severity
from mqtui.domain.redrive import OffsetBounds, Source
from mqtui.domain.resource import Kind
from mqtui.profiles.keys import check_bundle_key
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.session import Session


def refuse_retry_stage(request: RedriveRequest, stage: str) -> None:
    """Refuse to redrive a retry queue, whose messages are still being retried (R15). `stage` says why it is one.

    Raises:
        Refused: the queue is a retry stage, and no destination is named.
    """
    if stage and request.verb is Verb.REDRIVE and request.to is None and request.source.kind is Kind.QUEUE:
        raise Refused(
            f"{request.source.name} holds no dead letters: it is a retry stage",
            stage,
            "A destination of your own choice is named with --to.",
        )


def retry_stage_risk(request: RedriveRequest, stage: str) -> list[Risk]:
    """The risk of taking messages out of a retry stage: they are not dead letters."""
    if not stage:
        return []
    text = f"{request.source.name} is a retry stage, its messages are alive: {stage}"
    return [Risk("retry-stage", text, Severity.REFUSE)]


async def bundle_risk(session: Session, source: Source) -> list[Risk]:
    """The risk that no bundle of the letters can be kept, where the broker deletes what is removed (C2)."""
    if isinstance(source.bounds, OffsetBounds):
        return []
    try:
        await run_in_thread("bundle key", partial(check_bundle_key, session.profile))
    except Refused as error:
        text = ". ".join(part.rstrip(".") for part in (error.title, error.detail, error.hint) if part)
        return [Risk("no-bundle-key", text, Severity.REFUSE, final=True)]
    return []


async def loop_risk(session: Session, request: RedriveRequest, remote: Session | None) -> list[Risk]:
    """The risk that source and target are the same, under whatever name the broker was reached."""
    if request.to != request.source:
        return []
    if remote is not None and await remote.broker.identity() != await session.broker.identity():
        return []
    text = f"source and target are the same {request.source.kind}: the letters would come back to where they are"
    return [Risk("same-place", text, Severity.REFUSE, final=True)]
