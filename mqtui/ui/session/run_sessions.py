"""The open broker a run belongs to: opened where it is closed."""

from __future__ import annotations

from functools import partial

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.errors import Unreachable
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.resolve import resolve
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.session import Session
from mqtui.ui.session.sessions import BrokerSession, SessionRegistry


def desk_of(bench: SessionRegistry, target: str, kind: BrokerKind) -> BrokerSession:
    """The broker that a run's target names (`shop`, `shop/kafka`, a URL); it opens by itself where it is closed."""
    for desk in bench.desks.values():
        if desk.kind is kind and desk.session is not None and desk.session.target == target:
            return desk
    name = target if "://" in target else target.partition("/")[0]
    known = bench.desks.get((name, kind))
    if known is not None and known.session is None and not known.opening:
        del bench.desks[name, kind]
    return bench.open(name, [kind])[0]


async def remote_of(bench: SessionRegistry, order: RedriveRequest) -> Session | None:
    """The session of the other broker that letters go to; None where they stay on their own.

    Raises:
        MqtuiError: it is not known, or does not open.
    """
    if not order.to_target:
        return None
    resolved = await run_in_thread("secret", partial(resolve, order.to_target))
    return await ready(desk_of(bench, order.to_target, resolved.addresses[0].kind))


async def ready(desk: BrokerSession) -> Session:
    """The session of a broker that may still be opening.

    Raises:
        MqtuiError: why it does not open.
    """
    await desk.settled.wait()
    if desk.session is None:
        raise desk.trouble or Unreachable(f"{desk.target} is closed", str(desk.kind))
    return desk.session
