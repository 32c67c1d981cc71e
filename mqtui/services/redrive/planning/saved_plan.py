"""A plan saved to a file, and the check that a plan made later has the same terms, broker and profile (C17)."""

from __future__ import annotations

from typing import Any

import msgspec

from mqtui.domain.errors import BadInput, Refused
from mqtui.services.json_rows import plan_row
from mqtui.services.jsonlines import name_or_base64
from mqtui.services.redrive.planning.plan import PlannedRedrive
from mqtui.services.session import Session

Json = dict[str, Any]
FORMAT = 2
"""1: no terms, a hash over some of them. 2: `terms`."""


async def encode_plan(
    session: Session, planned: PlannedRedrive, remote: Session | None, allowed: frozenset[str]
) -> Json:
    """What the file keeps: the plan as a dry run prints it, and its terms. `allowed` are the accepted risks."""
    terms = await _terms(session, planned, remote, allowed)
    return plan_row(planned.plan) | {"format": FORMAT, "terms": terms}


async def _terms(session: Session, planned: PlannedRedrive, remote: Session | None, allowed: frozenset[str]) -> Json:
    request = planned.request
    chosen = msgspec.to_builtins(request.selection)
    return {
        "broker": await session.broker.identity(),
        "profile": session.policy.profile,
        "verb": request.verb.value,
        "source": f"{request.source.kind}:{name_or_base64(request.source.name)}",
        "source made": planned.source.identity,
        "to": None if request.to is None else f"{request.to.kind}:{name_or_base64(request.to.name)}",
        "target broker": None if remote is None else await remote.broker.identity(),
        "target profile": None if remote is None else remote.policy.profile,
        "targets": sorted(f"{ref.kind}:{name_or_base64(ref.name)}" for ref in planned.targets),
        **chosen,
        "rate": request.rate,
        "keep_timestamp": request.keep_timestamp,
        "take_over": request.take_over,
        "yes_shared": request.shared,
        "canary": list(request.stages.first),
        "stop_at": request.stages.stop_at,
        "watch": request.stages.watch,
        "allow": sorted(allowed),
        "headers left behind": planned.plan.hash,
    }


def decode_plan(raw: bytes, name: str) -> Json:
    """Decode a plan file.

    Raises:
        BadInput: it holds no plan.
        Refused: it was saved by an older version, which did not keep the terms.
    """
    try:
        saved = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise BadInput(f"{name} holds no plan", str(error)) from error
    if not isinstance(saved, dict) or "hash" not in saved:
        raise BadInput(f"{name} holds no plan")
    if saved.get("format") != FORMAT or not isinstance(saved.get("terms"), dict):
        raise Refused(
            "The plan was saved by another version of mqtui",
            f"{name} does not have its terms in a form that can be compared.",
            "Delete it, and make it again with --dry-run.",
        )
    return saved


def require_same_terms(saved: Json, now: Json) -> None:
    """Check that a plan made now has the terms of the saved one.

    Raises:
        Refused: it has not; each term that differs is named.
    """
    before, after = saved["terms"], msgspec.json.decode(msgspec.json.encode(now["terms"]))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    hashed = "headers left behind"
    if len(names) > 1 and hashed in names:
        names.remove(hashed)
    if not names:
        return
    differences = [
        "which of their headers are stripped"
        if name == hashed
        else f"{name}: {_shown(before, name)} was saved, {_shown(after, name)} it is now"
        for name in names
    ]
    raise Refused(
        "The plan is not the one that was saved",
        "; ".join(differences) + ".",
        "Use the terms it was saved with; or delete the file and make it again with --dry-run.",
    )


def _shown(terms: Json, name: str) -> str:
    value = terms.get(name)
    if value in (None, "", []):
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
