"""The options of `publish`, and the message or JSON lines they make up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from mqtui.brokers.registry import all_traits, traits_of
from mqtui.cli.options import Command, ConvertedParam
from mqtui.domain.errors import BadInput
from mqtui.domain.message import Outgoing
from mqtui.domain.resource import BrokerKind, Kind, Ref, name_bytes
from mqtui.services.compose import MessageDraft, build_message, parse_header, unsupported_fields


def message_options(command: Command) -> Command:
    """Add the options that make up a message."""
    readable = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in reversed(
        (
            click.option("-k", "--key", help="The key (Kafka)."),
            click.option(
                "-H",
                "--header",
                "headers",
                multiple=True,
                type=ConvertedParam("name=value", parse_header),
                help="A header.",
            ),
            click.option("--value", help="The value."),
            click.option("--file", "body_file", type=readable, help="The file with the value, or with JSON lines."),
            click.option("--jsonl", is_flag=True, help="JSON lines instead of one value."),
            click.option(
                "--from-line", type=click.IntRange(1), metavar="N", help="Start with this JSON line; the first is 1."
            ),
            click.option(
                *("--keep", "kept"),
                type=ConvertedParam("partition,timestamp", parse_kept_fields),
                default="",
                help="Kafka: keep from JSON lines: partition, timestamp, or both.",
            ),
            click.option("--partition", type=click.IntRange(0), help="Kafka: this partition."),
            click.option("--exchange", metavar="X", help="RabbitMQ: to this exchange."),
            click.option("--routing-key", metavar="R", help="RabbitMQ: with this routing key."),
            click.option("--priority", type=click.IntRange(0, 255), metavar="N", help="RabbitMQ."),
            click.option("--ttl", type=click.IntRange(0), metavar="MS", help="RabbitMQ: expires after so many ms."),
            click.option("--correlation-id", metavar="ID", help="RabbitMQ."),
            click.option("--reply-to", metavar="Q", help="RabbitMQ."),
            click.option(
                *("--schema", "schema"),
                metavar="SUBJECT[@VERSION]",
                help="Encode the JSON value by this schema of the registry; #MESSAGE names a Protobuf message.",
            ),
            click.option("--fernet", metavar="KEYNAME", help="Encrypt the value with this key."),
            click.option(
                "--idempotency-key", "idempotency", default="", metavar="auto|V", help="Lets consumers skip duplicates."
            ),
            click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="At most N a second."),
        )
    ):
        command = option(command)
    return command


def parse_kept_fields(text: str) -> frozenset[str]:
    """Parse `partition,timestamp`: the fields of a line that are kept.

    Raises:
        BadInput: something else.
    """
    names = frozenset(filter(None, text.split(",")))
    keepable = dict.fromkeys(name for traits in all_traits() for name in traits.publish.keepable)
    if not names <= keepable.keys():
        raise BadInput(f"Not something to keep: {text!r}", "", f"There are {' and '.join(keepable)}.")
    return names


SINGLE_MESSAGE_OPTIONS = (
    *("key", "headers", "value", "fernet", "partition"),
    *("routing_key", "priority", "ttl", "correlation_id", "reply_to"),
)
"""Options that JSON lines replace."""


@dataclass(frozen=True, slots=True)
class PublishArguments:
    """The arguments of `publish` as typed."""

    source: BinaryIO | None
    key: str | None
    headers: tuple[tuple[str, str], ...]
    value: str | None
    body_file: Path | None
    jsonl: bool
    from_line: int | None
    kept: frozenset[str]
    partition: int | None
    exchange: str | None
    routing_key: str | None
    priority: int | None
    ttl: int | None
    correlation_id: str | None
    reply_to: str | None
    schema: str | None
    fernet: str | None
    idempotency: str
    rate: float | None

    def facts(self) -> list[tuple[str, str]]:
        """Facts of the plan."""
        named = [("exchange", self.exchange), ("key", self.routing_key), ("fernet", self.fernet)]
        return [(label, text) for label, text in named if text]

    @contextmanager
    def lines(self) -> Iterator[BinaryIO]:
        """Where the JSON lines come from.

        Raises:
            BadInput: there is nothing to read, or an option of a single message was given.
        """
        alone = [name for name in SINGLE_MESSAGE_OPTIONS if getattr(self, name) not in (None, ())]
        if alone:
            named = ", ".join(f"--{name.removesuffix('s').replace('_', '-')}" for name in alone)
            raise BadInput("JSON lines have their own keys, values and headers", "", f"Leave {named} out.")
        if self.source is not None:
            yield self.source
        elif self.body_file is not None:
            with self.body_file.open("rb") as file:
                yield file
        else:
            raise BadInput("Where are the JSON lines?", "", "Give - for stdin, or --file.")

    def message(self, broker: BrokerKind, to: Ref, encode: Callable[[bytes], bytes] = bytes) -> Outgoing:
        """The one message, its value encoded.

        Raises:
            BadInput: there is no value, or more than one, or it can't be encoded.
        """
        return build_message(self._options(encode(self._body())), broker, to)

    def check(self, broker: BrokerKind) -> None:
        """Check that this kind of broker supports every option.

        Raises:
            BadInput: it does not support one.
        """
        traits = traits_of(broker)
        if self.exchange is not None and Kind.EXCHANGE not in traits.destinations:
            raise BadInput(f"--exchange means nothing on {broker}")
        for name in unsupported_fields(self._options(b""), broker):
            raise BadInput(f"--{name.replace('_', '-')} means nothing on {broker}")
        if self.kept and not traits.publish.keepable:
            raise BadInput(f"--keep means nothing on {broker}")
        for option, given in (("--from-line", self.from_line is not None), ("--keep", bool(self.kept))):
            if given and not self.jsonl:
                raise BadInput(f"{option} is for --jsonl")

    def _options(self, body: bytes) -> MessageDraft:
        return MessageDraft(
            body,
            self.key,
            self.headers,
            self.partition,
            self.routing_key,
            self.priority,
            self.ttl,
            self.correlation_id,
            self.reply_to,
            self.fernet or "",
        )

    def _body(self) -> bytes:
        given = [part for part in (self.value, self.body_file, self.source) if part is not None]
        if len(given) != 1:
            raise BadInput("One value, please", "", "Give --value, --file, or - for stdin.")
        if self.value is not None:
            body = name_bytes(self.value)
        elif self.body_file is not None:
            body = self.body_file.read_bytes()
        else:
            assert self.source is not None
            body = self.source.read()
        return body


def build_arguments(given: dict[str, Any], source: BinaryIO | None) -> PublishArguments:
    """The arguments from click's keyword arguments."""
    return PublishArguments(source=source, **given)
