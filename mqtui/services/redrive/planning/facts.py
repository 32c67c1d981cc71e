"""What a redrive plan says: facts, headers and risks, from the request and from what was scanned."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.domain.capability import Verb
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Risk, Severity
from mqtui.domain.redrive import Source
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.services.letter_selector import LetterSelector
from mqtui.services.redrive.planning.convert import describe_conversion
from mqtui.services.redrive.planning.mqtui_headers import HEADER_NAMES
from mqtui.services.redrive.planning.peeked_targets import describe_unwrapped, envelope_risks
from mqtui.services.redrive.planning.routing import ORIGIN_UNKNOWN
from mqtui.services.redrive.planning.scan import ScanResult
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.session import Session

PEEK_HINT = ", or read the letters once with `mqtui dlq`: the origins they name are kept for the plan"


def plan_facts(
    request: RedriveRequest,
    source: Source,
    targets: Sequence[Ref],
    scan: ScanResult | None,
    here: BrokerKind,
    remote: Session | None,
    cause_text: str,
) -> list[tuple[str, str]]:
    """The facts of a plan: a label and a sentence each. `cause_text` is the selected cause in words, where known."""
    held = pluralize(source.count, "letter")
    facts = [("from", f"{source.ref.name}, {held} as of now; later ones are not in the plan")]
    if request.verb is Verb.DISCARD:
        facts.append(("to", "nowhere: they are taken out"))
    else:
        where = f" on {request.to_target}" if remote else ""
        named = ", ".join(f"{ref.name} {scan.targets[ref]:,}" if scan else ref.name for ref in targets)
        stay = f"; {scan.unroutable.total():,} of {scan.selected:,} stay" if scan and named and scan.unroutable else ""
        facts.append(("to", (named or "unknown target") + where + stay))
    if remote is not None and (shape := describe_conversion(here, remote.broker.kind)):
        facts.append(("shape", shape))
    chosen = [f"{name} {value}" for name, value in _selected(request, cause_text)]
    if chosen:
        facts.append(("selected", ", ".join(chosen)))
    if scan is None and not request.selection.everything:
        facts.append(
            (
                "read",
                "letters are consumed one by one; those not selected are requeued in order, at the cost of a delivery",
            )
        )
    if scan and scan.unwrapped and request.verb is not Verb.DISCARD:
        facts.append(("opened", describe_unwrapped(scan.unwrapped)))
    if scan and scan.largest:
        facts.append(("size", f"largest {scan.largest:,} B, all {scan.size:,} B"))
    if request.stages.first or request.stages.is_watched:
        facts.append(("first", request.stages.describe()))
    if request.rate:
        facts.append(("rate", f"at most {request.rate:g} a second"))
    if request.keep_timestamp:
        facts.append(("timestamps", "kept"))
    if source.lock_owner is not None and source.lock_owner.stale:
        facts.append(
            (
                "continues",
                f"run {source.lock_owner.run[:4].upper()} of {source.lock_owner.operator} stopped without an end",
            )
        )
    return facts


def _selected(request: RedriveRequest, cause_text: str) -> list[tuple[str, object]]:
    wanted = request.selection
    cause = f"{wanted.cause} ({cause_text})" if wanted.cause and cause_text else wanted.cause
    named = [
        ("cause", cause),
        ("where", wanted.where),
        ("partition", wanted.partition),
        ("from", wanted.since),
        ("until", wanted.until),
        ("limit", wanted.limit),
    ]
    return [(name, value) for name, value in named if value not in (None, "")]


def plan_headers(scan: ScanResult | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Which headers the letters keep, lose and gain."""
    if scan is None:
        return (("add", HEADER_NAMES),)
    return (
        ("keep", tuple(scan.kept_headers)),
        ("strip", tuple(scan.stripped_headers)),
        ("add", tuple(scan.added_headers)),
    )


def jq_failures(selector: LetterSelector) -> list[Risk]:
    """Letters on which the jq program failed: they stay in the source."""
    return [
        Risk("where", f"{pluralize(number, 'letter')} stay: {reason}")
        for reason, number in (selector.jq_filter.failure_reasons() if selector.jq_filter is not None else ())
    ]


def scan_risks(request: RedriveRequest, targets: Sequence[Ref], scan: ScanResult | None) -> list[Risk]:
    """The risks that follow from what the scan found."""
    risks: list[Risk] = []
    if request.verb is not Verb.DISCARD and not targets and (scan is None or scan.selected):
        risks.append(
            Risk(
                "no-target",
                ORIGIN_UNKNOWN + ("" if scan else PEEK_HINT),
                Severity.REFUSE,
                final=True,
            )
        )
    if scan and request.verb is not Verb.DISCARD:
        risks += [Risk("no-origin", f"{number:,} stay: {reason}") for reason, number in scan.unroutable.items()]
        risks += envelope_risks(scan.doubts)
        risks += [
            Risk("came-back", f"{number:,} came back after run {run[:4].upper() or '?'}")
            for run, number in scan.earlier_runs.items()
        ]
    return risks
