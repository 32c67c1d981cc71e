"""Polls are judged by rules, each rule is fired and cleared, and a profile's rules come before the usual ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mqtui.domain.alert import Alert, AlertEvent, AlertRule, AlertSeverity, Condition, EventState, RuleSet
from mqtui.domain.alert_engine import AlertEngine, Instant
from mqtui.domain.errors import CannotConnect
from mqtui.domain.figure import exact, unknown
from mqtui.domain.lag_advice import START
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import Destination, Group, GroupLag, Member, PartitionLag
from mqtui.profiles.receiver_settings import WebhookForm
from mqtui.services.alerts import polling
from mqtui.services.alerts.event_rows import describe_event, event_row, webhook_body
from mqtui.services.alerts.findings import WatchedBroker
from mqtui.services.alerts.polling import BrokerPolling, JudgedPoll
from mqtui.services.alerts.watch import AlertWatch
from mqtui.services.deadletters import DeadLetterDestination
from mqtui.services.poller import BrokerSnapshot
from tests.services.memory_fixtures import KafkaFixture

TOPIC, QUEUE = Ref(Kind.TOPIC, "orders"), Ref(Kind.QUEUE, "work")
BILLING = Ref(Kind.GROUP, "billing")
DEAD = Ref(Kind.TOPIC, "orders.DLQ")


class Polls:
    """Polls of a broker, 10 s apart, as a watch judges them."""

    def __init__(self, *rules: AlertRule, kind: BrokerKind = BrokerKind.KAFKA) -> None:
        self.now = Instant(1_000.0, 1_795_000_000.0)
        self.watch = AlertWatch(clock=lambda: self.now)
        self.broker = WatchedBroker("shop", kind, RuleSet(rules))
        self.snapshot = BrokerSnapshot(as_of=1.0)

    async def poll(self, times: int = 1, seconds: float = 10.0) -> list[str]:
        told: list[str] = []
        for _ in range(times):
            self.now = Instant(self.now.monotonic + seconds, self.now.wall + seconds)
            self.snapshot.lags = dict(self.snapshot.lags)
            self.snapshot.lag_history.add(self.now.monotonic, self.now.wall, self.snapshot.lags)
            for ref, row in self.snapshot.lags.items():
                self.snapshot.trend(ref, "lag").add(self.now.monotonic, row.total.number)
            for place in self.snapshot.dead_letters:
                self.snapshot.trend(place.ref, "letters").add(self.now.monotonic, place.letters.number)
            events = await self.watch.judge(self.broker, self.snapshot)
            told += [f"{event.state} {event.alert.cause}" for event in events]
        return told

    def group(self, *lags: tuple[int, int], members: int = 1, why: str = "") -> None:
        """The group `billing`, with (committed, end) of each partition."""
        people = tuple(Member(f"m{number}") for number in range(members))
        parts = tuple(
            PartitionLag(TOPIC, number, str(committed), str(end), exact(end - committed))
            for number, (committed, end) in enumerate(lags)
        )
        self.snapshot.groups = [Group(BILLING, "classic", "Stable" if members else "Empty", people, (TOPIC,), why=why)]
        waiting = exact(sum(end - committed for committed, end in lags))
        self.snapshot.lags = {BILLING: GroupLag(BILLING, self.snapshot.groups[0].state, parts, waiting)}

    def letters(self, count: int) -> None:
        self.snapshot.dead_letters = [DeadLetterDestination(DEAD, exact(count), (TOPIC,), "its name")]

    @property
    def raised(self) -> list[str]:
        return [alert.cause for alert in self.watch.alerts]


async def test_a_stopped_group() -> None:
    polls = Polls()
    polls.group((5, 9), members=0)
    assert await polls.poll(6) == []
    assert await polls.poll() == ["raised stopped:billing"]
    (alert,) = polls.watch.alerts
    assert (alert.what, alert.evidence) == ("billing is stopped", "stopped: no members, 4 waiting")
    assert event_row(AlertEvent(alert, EventState.RAISED, 0))["advice"] == alert.advice == START
    polls.group((5, 9), members=0, why="not authorised")
    assert await polls.poll(20) == []
    polls.group((5, 9))
    assert await polls.poll() == ["cleared stopped:billing"]


async def test_a_stuck_group_and_one_that_falls_behind() -> None:
    polls = Polls()
    told: list[str] = []
    for number in range(50):
        polls.group((5, 9), (number, number))
        told += await polls.poll()
    assert told == ["raised stuck:billing"]
    assert "stuck on 0/5" in polls.watch.alerts[0].evidence
    for number in range(50, 150):
        polls.group((number, 9 + 3 * number), (number, number))
        told += await polls.poll()
    assert told[1:] == ["cleared stuck:billing", "raised lag_grows:billing"]
    assert "falls behind" in polls.watch.alerts[0].evidence
    polls.group((10_000, 10_000))
    assert await polls.poll() == ["cleared lag_grows:billing"]


async def test_a_lag_over_a_limit_with_hysteresis() -> None:
    polls = Polls(AlertRule(Condition.LAG, "bill*", over=100, clear=50, hold=20, settle=20, owner="anna"))
    for waits in (101, 101):
        polls.group((0, waits))
        assert await polls.poll() == []
    assert await polls.poll() == ["raised lag:billing"]
    assert polls.watch.alerts[0].owner == "anna"
    polls.group((0, 60))
    assert await polls.poll(5) == []
    polls.group((0, 50))
    assert await polls.poll(2) == []
    assert await polls.poll() == ["cleared lag:billing"]


async def test_a_group_that_is_late() -> None:
    """By the age of the oldest message that it has not read, interpolated between polls."""
    polls = Polls(AlertRule(Condition.TIME_LAG, "bill*", over=120, hold=20))
    told: list[str] = []
    for number in range(30):
        polls.group((5 + number // 10, 9 + 10 * number))
        told += await polls.poll()
    assert told == ["raised time_lag:billing"]
    (alert,) = [each for each in polls.watch.alerts if each.cause == "time_lag:billing"]
    assert alert.evidence.endswith("behind, the limit is 2m") and alert.value is not None and alert.value > 250
    polls.group((299, 299))
    assert "cleared time_lag:billing" in await polls.poll()


async def test_dead_letters_and_how_fast_they_die() -> None:
    polls = Polls(AlertRule(Condition.LETTERS, over=2), AlertRule(Condition.LETTERS_PER_MINUTE, over=10, hold=20))
    polls.letters(2)
    assert await polls.poll(3) == []
    polls.letters(3)
    assert await polls.poll() == ["raised letters:orders.DLQ"]
    assert polls.watch.alerts[0].evidence == "3 dead letters of orders"
    told = []
    for number in range(12):
        polls.letters(3 + 5 * number)
        told += await polls.poll()
    assert told == ["raised letters_per_minute:orders.DLQ"]
    polls.snapshot.dead_letters = [replace(polls.snapshot.dead_letters[0], letters=unknown("not counted"))]
    assert await polls.poll(10) == []
    polls.letters(0)
    assert await polls.poll() == ["cleared letters:orders.DLQ", "cleared letters_per_minute:orders.DLQ"]


async def test_queues_that_are_full_or_lose_their_letters() -> None:
    polls = Polls(kind=BrokerKind.RABBITMQ)
    facts: dict[str, str | int | bool | None] = {"max_length": 3, "dead_letter_exchange": "nowhere"}
    polls.snapshot.destinations = [Destination(QUEUE, "classic", exact(3), facts=facts)]
    assert await polls.poll() == ["raised letters_lost:work"]
    assert await polls.poll(6) == ["raised queue_full:work"]
    polls.snapshot.destinations = [Destination(QUEUE, "classic", exact(2), facts={"max_length": 3})]
    assert sorted(await polls.poll()) == ["cleared letters_lost:work", "cleared queue_full:work"]


async def test_a_queue_that_nobody_reads() -> None:
    """One of dead letters or retries is meant to wait; of one that is down the consumers are not known."""
    polls = Polls(kind=BrokerKind.RABBITMQ)
    told: list[str] = []
    names = {Ref(Kind.GROUP, name): Ref(Kind.QUEUE, name) for name in ("work", "work.dlq", "idle", "down")}
    polls.snapshot.groups = [Group(ref, "queue", "no consumers", reads=(queue,)) for ref, queue in names.items()]
    polls.snapshot.groups[-1] = replace(polls.snapshot.groups[-1], state="")
    for number in range(20):
        polls.letters(0)
        polls.snapshot.dead_letters.append(DeadLetterDestination(Ref(Kind.QUEUE, "work.dlq"), exact(0), (QUEUE,), ""))
        waiting = {"work": number, "work.dlq": number, "idle": 7, "down": number}
        polls.snapshot.lags = {
            ref: GroupLag(ref, "no consumers", (PartitionLag(queue, 0, "", "", exact(waiting[ref.name])),),
                          exact(waiting[ref.name]))
            for ref, queue in names.items()
        }  # fmt: skip
        told += await polls.poll()
    assert told == ["raised unread:work"]
    (alert,) = polls.watch.alerts
    assert (alert.what, str(alert.ref)) == ("nobody reads work", "queue:work")
    polls.snapshot.groups[0] = replace(polls.snapshot.groups[0], size=1)
    assert await polls.poll() == ["cleared unread:work"]


async def test_a_broker_that_is_away_ends_no_other_alert() -> None:
    polls = Polls()
    polls.letters(3)
    await polls.poll()
    polls.snapshot.error = CannotConnect("Can't connect", "refused")
    assert await polls.poll(4) == ["raised broker_away"]
    assert polls.raised == ["letters:orders.DLQ", "broker_away"]
    polls.snapshot.error = None
    assert await polls.poll() == ["cleared broker_away"]
    polls.snapshot.dead_letters, polls.snapshot.partial = [], ("Not authorised to list topics",)
    assert await polls.poll(5) == []


async def test_consumers_that_are_gone() -> None:
    polls = Polls(kind=BrokerKind.REDIS)
    gone = Member("w", pending=3, idle=5 * 3_600_000)
    polls.snapshot.groups = [Group(BILLING, "stream", "active", (gone,), (TOPIC,), exact(3))]
    assert await polls.poll(7) == ["raised consumers_gone:billing"]


async def test_two_looks_at_a_broker_tell_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LOOK_AGAIN_SECONDS", 0.05)
    made = KafkaFixture()
    made.add_dead_letters(range(5))
    made.server.commit("billing", made.source, 0, 0, "Empty")
    polled: list[JudgedPoll] = []

    async def report(poll: JudgedPoll) -> None:
        polled.append(poll)

    watch = AlertWatch()
    off = AlertRule(Condition.STOPPED, off=True)
    await BrokerPolling(made.url, watch, report, adapters=made.connect).look_twice()
    assert {alert.cause for alert in watch.alerts} == {"letters:orders.DLQ", "stopped:billing"}
    assert [len(poll.events) for poll in polled] == [1, 1]
    later = AlertWatch(AlertEngine(watch.alerts))
    made.server.commit("billing", made.source, 0, 5)
    await BrokerPolling(made.url, later, report, [off], made.connect).look_twice()
    assert [event.state for poll in polled[2:] for event in poll.events] == [EventState.CLEARED]
    assert [alert.id for alert in later.alerts] == [each.id for each in watch.alerts if each.ref == made.source]


EVENT = AlertEvent(
    Alert("ab" * 16, "shop", "letters:a<b>\x1b[2J", Ref(Kind.TOPIC, "a<b>\x1b[2J"), 1_795_000_000.0,
          "dead letters in a<b>\x1b[2J", "3 & more", AlertSeverity.CRITICAL, "anna"),
    EventState.RAISED,
    1_795_000_060.0,
)  # fmt: skip


def test_an_event_in_each_form() -> None:
    assert describe_event(EVENT, EVENT.time) == "✗ shop: dead letters in a<b>\x1b[2J for 1m: 3 & more  @anna"
    row = event_row(EVENT)
    assert row["command"] == r"mqtui shop $'topic:a<b>\033[2J'"
    assert webhook_body(WebhookForm.JSON, row) is row
    slack = webhook_body(WebhookForm.SLACK, row)["text"]
    assert slack.startswith("✗ shop: dead letters in a&lt;b&gt;␛[2J · anna\n3 &amp; more\nmqtui shop ")
    firing = webhook_body(WebhookForm.ALERTMANAGER, row)
    assert (firing["version"], firing["status"]) == ("4", "firing")
    (alert,) = firing["alerts"]
    assert alert["labels"]["alertname"] == "mqtui_letters"
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-11-18T11:06:40.000Z", "0001-01-01T00:00:00Z")
    over = webhook_body(WebhookForm.ALERTMANAGER, event_row(replace(EVENT, state=EventState.CLEARED)))
    assert over["alerts"][0]["status"] == "resolved"
    assert over["alerts"][0]["endsAt"] == "2026-11-18T11:07:40.000Z"
