"""The broker session that a run belongs to; it is opened where it is closed."""

from __future__ import annotations

from functools import partial

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.errors import Unreachable
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.resolve import resolve_target
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.session import Session
from mqtui.ui.session.sessions import BrokerSession, SessionRegistry


def session_of_run(sessions: SessionRegistry, target: str, kind: BrokerKind) -> BrokerSession:
    """The session of a run's target (`shop`, `shop/kafka`, a URL); where it is closed it begins to open."""
    for broker_session in sessions.broker_sessions.values():
        if (
            broker_session.kind is kind
            and broker_session.session is not None
            and broker_session.session.target == target
        ):
            return broker_session
    name = target if "://" in target else target.partition("/")[0]
    known = sessions.broker_sessions.get((name, kind))
    if known is not None and known.session is None and not known.opening:
        del sessions.broker_sessions[name, kind]
    return sessions.open(name, [kind])[0]


async def remote_session_of(sessions: SessionRegistry, order: RedriveRequest) -> Session | None:
    """The session of the other broker that letters are sent to; None where they stay on theirs.

    Raises:
        MqtuiError: it is not known, or does not open.
    """
    if not order.to_target:
        return None
    resolved = await run_in_thread("secret", partial(resolve_target, order.to_target))
    return await wait_until_open(session_of_run(sessions, order.to_target, resolved.addresses[0].kind))


async def wait_until_open(broker_session: BrokerSession) -> Session:
    """Wait until a broker is open.

    Raises:
        MqtuiError: why it does not open.
    """
    await broker_session.opened_or_failed.wait()
    if broker_session.session is None:
        raise broker_session.error or Unreachable(f"{broker_session.target} is closed", str(broker_session.kind))
    return broker_session.session
