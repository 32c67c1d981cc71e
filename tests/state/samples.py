"""Letters and runs as the tests of the state need them."""

from mqtui.domain.capability import Verb
from mqtui.domain.figure import about, exact, unknown
from mqtui.domain.message import Delivery, EntryId, Envelope, Message, Offset
from mqtui.domain.plan import Plan, Send
from mqtui.domain.policy import Policy
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.machine.process import host
from mqtui.state.journal import RunRecord

RUN = "7f3a" + "0" * 28
POLICY = Policy("prod")

KAFKA = Message(
    Ref(Kind.TOPIC, "orders-dlt"),
    Offset(3, 118_203),
    b"\x00\xff value",
    b"",
    (("a", b"1", ""), ("a", None, ""), ("bin", bytes(range(256)), "")),
    1_700_000_000_000,
)
RABBIT = Message(
    Ref(Kind.QUEUE, "naïve 📮"),
    Delivery(7),
    b"",
    None,
    (("count", b"\x00\x07", "int16"), ("double", b"?\xf8" + b"\x00" * 6, "double")),
    None,
    (),
    Envelope(
        "x", "rk", True, (("content_type", "text/plain"), ("timestamp", 2**63 + 1)), 2, about(18, "by the policy")
    ),
)
NOT_UTF8 = Message(
    Ref(Kind.QUEUE, "caf\udce9"),
    Delivery(8),
    None,
    None,
    (("na\udcffme", b"x", "longstr"),),
    None,
    (),
    Envelope("\udcfe", "r\udcff", False, (("reply_to", "q\udcff"), ("priority", 3)), None, unknown("not \udcfd told")),
)
REDIS = Message(
    Ref(Kind.STREAM, "orders"), EntryId(1_700_000_000_000, 2), None, fields=((b"f", b"1"), (b"f", b"2"), (b"\xff", b""))
)
TOMBSTONE = Message(Ref(Kind.TOPIC, "t"), Offset(-1, 0), None)
ALL = (KAFKA, RABBIT, NOT_UTF8, REDIS, TOMBSTONE)


def plan(count: int = 3) -> Plan:
    target = Ref(Kind.TOPIC, "orders \udcff")
    return Plan(RUN, Verb.PUBLISH, "prod", BrokerKind.KAFKA, (Send(target, exact(count)),), exact(count))


def record(run: str = RUN, pid: int = 1, pid_start: int | None = 1, started: int = 1_000) -> RunRecord:
    return RunRecord(
        id=run,
        verb="redrive",
        profile="prod",
        target="kafka://127.0.0.1:9092",
        source=Ref(Kind.TOPIC, "orders-dlt\udcff"),
        broker=BrokerKind.KAFKA,
        plan=b'{"a":1}',
        plan_hash="abc",
        operator="alice",
        host=host(),
        pid=pid,
        pid_start=pid_start,
        started=started,
        planned=5,
    )
