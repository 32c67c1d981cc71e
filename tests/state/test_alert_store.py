"""What is known of alerts is kept whole: names that are not UTF-8, mutes, and events in their order, bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import time

import pytest

from mqtui.domain.alert import Alert, AlertSeverity, Mute
from mqtui.domain.resource import Kind, Ref, name_text
from mqtui.state.alert_store import MOST_WAITING, AlertStore

ODD = name_text(b"odd\xff\x00name")
ALERT = Alert(
    "1f",
    "shop",
    f"letters:{ODD}",
    Ref(Kind.TOPIC, ODD),
    1.5,
    "what",
    "evidence",
    AlertSeverity.CRITICAL,
    "anna",
    7.0,
    advice="do",
)


@pytest.fixture
def store() -> Iterator[AlertStore]:
    made = AlertStore()
    yield made
    made.close()


def test_told_alerts_come_back_as_they_were(store: AlertStore) -> None:
    told, of_broker = replace(ALERT, told=True), replace(ALERT, cause="broker_away", ref=None, value=None, told=True)
    store.record("shop", [told, of_broker, replace(ALERT, cause="muted")], [], [])
    assert sorted(store.load_raised(["shop"]), key=lambda each: each.cause) == [of_broker, told]
    assert store.load_raised(["other"]) == []
    store.record("shop", [of_broker], [], [])
    assert store.load_raised(["other", "shop"]) == [of_broker]


def test_events_wait_in_order_for_each_receiver(store: AlertStore) -> None:
    store.record("shop", [], [b"1", b"2"], ["a", "b"])
    waiting = store.next_waiting("a")
    assert waiting is not None and waiting.body == b"1"
    store.remove_waiting(waiting.number)
    assert [each.body for each in map(store.next_waiting, ("a", "b")) if each] == [b"2", b"1"]
    assert store.next_waiting("c") is None


def test_too_many_events_drop_the_oldest(store: AlertStore) -> None:
    assert store.record("shop", [], [b"%d" % number for number in range(MOST_WAITING)], ["away"]) == 0
    assert store.record("shop", [], [b"one", b"two", b"three"], ["away", "there"]) == 3
    first = store.next_waiting("away")
    assert first is not None and first.body == b"3"


def test_a_mute_is_kept_with_what_it_has_seen_until_it_ends(store: AlertStore) -> None:
    now = time()
    mute = Mute("letters:*", now, now + 60, "anna")
    store.mute(mute)
    assert mute.covers(ALERT, now)
    store.keep_baseline(mute)
    store.mute(Mute("lag:*", now - 60, now - 1))
    assert store.load_mutes() == [mute]
    assert mute.baseline == {ALERT.key: 7.0}
    assert store.unmute("letters:*")
    assert not store.unmute("letters:*")
    assert store.load_mutes() == []
