"""What each face says of a URL."""

from __future__ import annotations

from mqtui.domain.errors import MqtuiError, Unsupported
from mqtui.services.browse import list_destinations
from mqtui.services.session import open_session


async def trouble(url: str) -> MqtuiError | None:
    """What keeps a look from its answer: the cluster, then what it has, as `mqtui ls` and the console begin."""
    try:
        async with open_session(url) as session:
            await session.broker.catalog.describe_cluster()
            await list_destinations(session.broker)
    except Unsupported:
        return None
    except MqtuiError as error:
        return error
    return None
