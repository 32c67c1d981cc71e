"""The journal's record of a run that this process begins now."""

from __future__ import annotations

import os
from time import time

from mqtui.domain.plan import Plan
from mqtui.domain.resource import Ref
from mqtui.machine.process import host, operator, process_start
from mqtui.services.session import Session
from mqtui.state.journal import RunRecord


def new_run_record(
    session: Session, plan: Plan, source: Ref, saved: bytes, planned: int, plan_hash: str = ""
) -> RunRecord:
    """`saved` is what a resume needs of the plan, `planned` how many are to be done."""
    pid = os.getpid()
    return RunRecord(
        id=plan.id,
        verb=plan.verb,
        profile=session.policy.profile,
        target=session.target,
        source=source,
        broker=session.broker.kind,
        plan=saved,
        plan_hash=plan_hash,
        operator=operator(),
        host=host(),
        pid=pid,
        pid_start=process_start(pid),
        started=int(time() * 1000),
        planned=planned,
    )
