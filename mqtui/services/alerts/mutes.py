"""Mutes of alerts: begun and ended by hand, kept on this machine for all that watch here."""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from time import monotonic, time

from mqtui.domain.alert import Mute
from mqtui.domain.errors import NotFound, StorageFailed
from mqtui.domain.times import parse_duration
from mqtui.machine.process import operator
from mqtui.services.alerts.watch import AlertWatch
from mqtui.state.alert_store import AlertStore, store_path

MUTES_SECONDS = 5.0
"""Seconds between two looks at the mutes."""


def begin_mute(cause: str, duration: str) -> Mute:
    """Mute a cause, or a glob of causes, for so long from now on. It blocks.

    Raises:
        BadInput: that is no duration.
        StorageFailed: it can't be kept.
    """
    now = time()
    mute = Mute(cause, now, now + parse_duration(duration) / 1000, operator())
    with closing(AlertStore()) as store:
        store.mute(mute)
    return mute


def end_mute(cause: str) -> None:
    """End the mute of a cause. It blocks.

    Raises:
        NotFound: it is not muted.
        StorageFailed: the state can't be changed.
    """
    with closing(AlertStore()) as store:
        known = [mute.cause for mute in store.load_mutes()]
        if not store.unmute(cause):
            muted = f"Muted are {', '.join(known)}." if known else "Nothing is muted."
            raise NotFound(f"{cause} is not muted", "", muted)


def load_mutes() -> list[Mute]:
    """The mutes of this machine; none where nothing was ever muted or told. It blocks.

    Raises:
        StorageFailed: they can't be read.
    """
    if not store_path().exists():
        return []
    with closing(AlertStore()) as store:
        return store.load_mutes()


class StoredMutes:
    """The mutes of this machine, read again now and then; what a mute first saw of each alert is kept with it."""

    def __init__(self, store: AlertStore) -> None:
        self._store = store
        self._read_at = -MUTES_SECONDS
        self._kept: dict[str, int] = {}

    async def refresh(self, watch: AlertWatch) -> None:
        """Keep what mutes have seen, and hand in those that hold now. Those known stay where they can't be read."""
        with suppress(StorageFailed):
            await self._refresh(watch)

    async def _refresh(self, watch: AlertWatch) -> None:
        seen = [mute for mute in watch.mutes if len(mute.baseline) != self._kept.get(mute.cause, 0)]
        for mute in seen:
            self._kept[mute.cause] = len(mute.baseline)
            await asyncio.to_thread(self._store.keep_baseline, mute)
        if monotonic() - self._read_at < MUTES_SECONDS:
            return
        self._read_at = monotonic()
        watch.mutes = await asyncio.to_thread(self._store.load_mutes)
        self._kept = {mute.cause: len(mute.baseline) for mute in watch.mutes}
