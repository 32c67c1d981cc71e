"""What a plan says of the letters of a source: counted together where they are alike, and looked at one by one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from mqtui.domain.capability import Verb
from mqtui.domain.redrive import Selection, Source
from mqtui.domain.resource import Ref
from mqtui.services.conventions import load_for_profile
from mqtui.services.letter_selector import LetterSelector
from mqtui.services.redrive.planning.alike_routes import AlikeRoutes
from mqtui.services.redrive.planning.mqtui_headers import HeaderStamper
from mqtui.services.redrive.planning.partition_check import PartitionCheck
from mqtui.services.redrive.planning.routing import RedriveRouter
from mqtui.services.redrive.planning.scan import ScanResult, count_source, scan_source
from mqtui.services.redrive.request import RedriveRequest

NOW = 1_790_000_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """The counts, the sentence about partitions, and the targets that letters name as their origin."""

    counts: dict[str, Any]
    partitions: str
    original_targets: set[Ref]


async def told_both_ways(broker: Any, source: Source, to: Ref | None = None) -> list[Told]:
    """What the plan says of the letters, counted together and looked at one by one."""
    request = RedriveRequest(Verb.REDRIVE, source.ref, to=to)
    conventions = load_for_profile().conventions
    stamper = HeaderStamper(broker.kind, "0" * 32, "anna", "2026-11-30")

    def router() -> RedriveRouter:
        return RedriveRouter(request, broker.kind, conventions, stamper, None, alive_at=NOW)

    found: list[Told] = []
    for counts in (True, False):
        check = PartitionCheck(conventions)
        if counts:
            scan = await count_source(broker, source, router(), AlikeRoutes(router(), conventions), check)
        else:
            async with LetterSelector(Selection(), conventions) as selector:
                scan = await scan_source(broker, source, selector, router(), None, check)
        found.append(Told(figures(scan), await check.describe(broker), check.original_targets))
    return found


def figures(scan: ScanResult) -> dict[str, object]:
    """The names of headers without their order: letters of several partitions arrive in any."""
    names = [each.name for each in fields(scan) if not each.name.startswith("_")]
    return {
        name: set(value) if name.endswith("_headers") else value for name in names for value in [getattr(scan, name)]
    }
