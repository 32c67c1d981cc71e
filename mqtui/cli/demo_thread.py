"""Runs the demo's brokers in a thread and reports to the console as they come up."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

from mqtui.demo.servers.progress import Progress
from mqtui.demo.session import REGISTRY, WITH_REGISTRY, DemoSession
from mqtui.domain.resource import BrokerKind
from mqtui.profiles import keyring_store
from mqtui.profiles.keys import BUNDLE_ENTRY, new_key
from mqtui.ui.session.demo_brokers import BrokerEvent

BUNDLE_KEY = "MQTUI_BUNDLE_KEY"


class DemoThread:
    """Starts the demo in a thread of its own; leaving ends it."""

    name = "demo"

    def __init__(self, kinds: Sequence[str], *, real_registry: bool = False) -> None:
        self._session = DemoSession(kinds, progress=self._progress, real_registry=real_registry)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: asyncio.Queue[BrokerEvent | None] = asyncio.Queue()

    def __enter__(self) -> Self:
        if not os.environ.get(BUNDLE_KEY) and not _has_keyring():
            os.environ[BUNDLE_KEY] = new_key()
        self._session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.__exit__(kind, error, trace)

    async def events(self) -> AsyncIterator[BrokerEvent]:
        """Progress of the servers, and each broker when it is up."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._open, name="demo", daemon=True).start()
        while (event := await self._queue.get()) is not None:
            yield event

    def _open(self) -> None:
        for opened in self._session.openings():
            kind = BrokerKind(opened.kind)
            if opened.target is None:
                trouble = ". ".join(part for part in (opened.trouble, opened.remedy) if part)
                self._tell(BrokerEvent(kind, error=trouble))
            else:
                self._tell(BrokerEvent(kind, url=opened.target))
        self._tell(None)

    def _progress(self, news: Progress) -> None:
        kind = BrokerKind(WITH_REGISTRY if news.server == REGISTRY else news.server)
        stage = news.stage
        if stage == "downloading":
            self._tell(BrokerEvent(kind, f"{news.done / 1e6:.1f} MB, {news.rate / 1e6:.1f} MB/s"))
        elif stage != "ready":
            self._tell(BrokerEvent(kind, stage))

    def _tell(self, event: BrokerEvent | None) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)


def _has_keyring() -> bool:
    try:
        keyring_store.get(BUNDLE_ENTRY)
    except keyring_store.NoKeyring:
        return False
    return True
