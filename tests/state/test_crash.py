"""kill -9: what a call said is kept is there, and what comes after a torn end can be read."""

import subprocess
import sys
from pathlib import Path

from mqtui.domain.audit import AuditEntry
from mqtui.state import bundles
from mqtui.state.audit import Audit
from mqtui.state.bundles import Bundle
from mqtui.state.journal import Journal
from tests.state.samples import ALL, POLICY, RUN, plan, record

ROOT = Path(__file__).parents[2]
KEY = b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def killed(code: str, lines: int) -> list[str]:
    """What a child had written to stdout when it was killed, at least `lines` lines."""
    said: list[str] = []
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        said.extend(child.stdout.readline().strip() for _ in range(lines))
        child.kill()
        said.extend(line.strip() for line in child.stdout if line.endswith("\n"))
    return said


def test_the_journal_keeps_the_batches_that_it_reported() -> None:
    code = """
from mqtui.state.journal import Journal
from tests.state.samples import RUN, record
runs = Journal()
runs.begin(record())
place = 0
while True:
    number = runs.begin_batch(RUN, [(f"0/{place + step}", b"x" * 16, -1) for step in range(100)])
    print(place, flush=True)
    runs.record_outcomes(RUN, number, [(f"0/{place + step}", "moved", "", "") for step in range(50)])
    place += 100
"""
    said = killed(code, 20)
    runs = Journal()
    open_marks = runs.unfinished_letters(RUN)
    known = {position for position, _, _ in open_marks} | {done[0] for done in runs.read_outcomes(RUN)}
    last = int(said[-1])
    assert {f"0/{place}" for place in range(last + 100)} <= known
    assert runs.count_outcomes(RUN)["moved"] >= last // 2
    assert runs.find(RUN).state == record().state
    runs.close()


def test_the_audit_chain_goes_on_after_a_kill() -> None:
    code = """
from mqtui.state.audit import Audit
from tests.state.samples import POLICY, plan
audit = Audit()
number = 0
while True:
    audit.begin(plan(), POLICY)
    number += 1
    print(number, flush=True)
"""
    said = killed(code, 20)
    audit = Audit()
    kept = audit.entries()
    assert len(kept) >= int(said[-1])
    audit.end(plan(), POLICY, "done")
    assert audit.verify() is None
    assert audit.entries()[-1].n == len(kept) + 1


def test_a_bundle_holds_every_batch_it_took_and_can_be_added_to() -> None:
    code = f"""
from mqtui.state.bundles import Bundle
from tests.state.samples import ALL, RUN
place = 0
with Bundle(RUN, {KEY!r}) as bundle:
    while True:
        bundle.append(ALL, [f"{{place}}/{{step}}" for step in range(len(ALL))])
        print(place, flush=True)
        place += 1
"""
    last = int(killed(code, 20)[-1])
    with Bundle(RUN, KEY) as bundle:
        bundle.append(ALL[:1], ["after"])
    found = list(bundles.read(RUN, KEY))
    assert [letter for _, letter in found[: len(ALL)]] == list(ALL)
    assert len(found) >= (last + 1) * len(ALL) + 1
    assert found[-1] == ("after", ALL[0])


def test_a_torn_last_line_of_the_audit_is_not_glued_to_the_next(state_folder: Path) -> None:
    audit = Audit()
    audit.begin(plan(), POLICY)
    path = state_folder / "audit.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    audit.end(plan(), POLICY, "done")
    assert [(entry.n, entry.event) for entry in audit.entries()] == [(1, "begin"), (2, "end")]
    assert audit.verify() == 2
    assert isinstance(audit.entries()[0], AuditEntry)
