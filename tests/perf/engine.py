"""How fast the whole engine moves letters: a plan, then its run with journal, bundle and audit, as `mqtui redrive`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.policy import Consent
from mqtui.domain.resource import ParsedName
from mqtui.services.browse import find_destination
from mqtui.services.conventions import load_for_profile
from mqtui.services.redrive.planning.plan import plan_redrive
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.redrive.run.outcome_counter import OutcomeCounter
from mqtui.services.redrive.run.run import RedriveRun
from mqtui.services.session import open_session
from mqtui.state.journal import Journal
from tests.chaos.killing import KEY
from tests.chaos.scenes import Scene


@contextmanager
def own_desk() -> Iterator[Path]:
    """Folders of its own for journal, bundle and audit."""
    with TemporaryDirectory(prefix="mqtui-perf-") as folder, pytest.MonkeyPatch.context() as environment:
        for name in ("STATE", "CONFIG", "CACHE"):
            environment.setenv(f"MQTUI_{name}_DIR", str(Path(folder, name.lower())))
        environment.setenv("MQTUI_BUNDLE_KEY", KEY)
        yield Path(folder)


async def rate(url: str, scene: Scene) -> float:
    """Letters a second, from the first batch that is settled to the last one.

    The plan was made before, as an operator reads it before he agrees, and the lease is open: a bare loop is not timed
    while it connects either.
    """
    conventions = load_for_profile().conventions
    seen: list[tuple[float, int]] = []

    def progress(ledger: OutcomeCounter) -> None:
        seen.append((perf_counter(), ledger.counted))

    with own_desk():
        async with open_session(url) as session:
            source = (await find_destination(session.broker, ParsedName(scene.dlq))).ref
            planned = await plan_redrive(session, RedriveRequest(Verb.REDRIVE, source), conventions)
            journal = Journal()
            try:
                result = await RedriveRun(session, planned, journal, progress=progress).run(Consent(yes=True))
            finally:
                journal.close()
    assert result.moved == result.planned == scene.letters, result
    (began, first), (ended, last) = seen[0], seen[-1]
    assert last == scene.letters > first, seen
    return (last - first) / (ended - began)
