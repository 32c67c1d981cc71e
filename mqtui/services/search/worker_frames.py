"""What a scan and its worker process say to each other: 4 bytes of length (big-endian), then MessagePack.

The first frame in is a `ScanJob`, answered by an empty `WorkerAnswer` or its error. Each further frame is a
`ScanOrder`, answered by `WorkerAnswer`s, the last of which has ended. The end of stdin ends the process.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mqtui.brokers.address import Address
from mqtui.domain import errors
from mqtui.domain.errors import MqtuiError
from mqtui.domain.printable import printable
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import Kind, Ref, name_bytes, name_text
from mqtui.domain.scan import ScanRange
from mqtui.services.search.query import SearchQuery
from mqtui.services.search.scan_report import ScanReport
from mqtui.state.message_codec import decode_messages, encode_messages

HEAD_BYTES = 4


class ScanJob(msgspec.Struct, array_like=True):
    """What is looked for, at which broker, and how its bodies are decoded: the address and the keys are secret."""

    address: Address
    query: SearchQuery
    keys: Mapping[str, bytes]
    rules: Mapping[str, Mapping[str, str]]
    jq_processes: int


class ScanOrder(msgspec.Struct, array_like=True):
    """The stretches of one destination to scan; `name` is the bytes of its name."""

    kind: Kind
    name: bytes
    ranges: tuple[ScanRange, ...]
    first: Edge

    @property
    def ref(self) -> Ref:
        """The destination."""
        return Ref(self.kind, name_text(self.name))


class WorkerAnswer(msgspec.Struct, array_like=True):
    """A report, or the end of an order. `error` is the class of a domain error, its title, detail and hint."""

    scanned: int = 0
    size: int = 0
    undecodable: int = 0
    failed: int = 0
    hits: bytes = b""
    left: tuple[ScanRange, ...] = ()
    is_settled: bool = False
    failure_reasons: tuple[str, ...] = ()
    has_ended: bool = False
    error: tuple[str, str, str, str] | None = None


def order_of(ref: Ref, ranges: tuple[ScanRange, ...], first: Edge) -> ScanOrder:
    """The order to scan stretches of a destination."""
    return ScanOrder(ref.kind, name_bytes(ref.name), ranges, first)


def answer_of(report: ScanReport) -> WorkerAnswer:
    """A report as an answer."""
    return WorkerAnswer(
        report.scanned,
        report.size,
        report.undecodable,
        report.failed,
        encode_messages(report.hits, [""] * len(report.hits)) if report.hits else b"",
        report.left,
        report.is_settled,
        tuple(map(printable, report.failure_reasons)),
    )


def report_of(answer: WorkerAnswer) -> ScanReport:
    """An answer as a report."""
    return ScanReport(
        answer.scanned,
        answer.size,
        answer.undecodable,
        answer.failed,
        [message for _, message in decode_messages(answer.hits)] if answer.hits else (),
        answer.left,
        answer.is_settled,
        answer.failure_reasons,
    )


def error_answer(error: MqtuiError) -> WorkerAnswer:
    """A domain error as the last answer."""
    texts = (printable(text) for text in (error.title, error.detail, error.hint))
    title, detail, hint = texts
    return WorkerAnswer(has_ended=True, error=(type(error).__name__, title, detail, hint))


def raise_error(answer: WorkerAnswer) -> None:
    """Raise the error of an answer, if it has one."""
    if answer.error is not None:
        name, title, detail, hint = answer.error
        kind = getattr(errors, name, MqtuiError)
        raise kind(title, detail, hint)


def encode_frame(value: object) -> bytes:
    """A value as a frame."""
    body = msgspec.msgpack.encode(value)
    return len(body).to_bytes(HEAD_BYTES, "big") + body
