"""The fields of `--json`: name, type, meaning. A name stands here once, so that it has one type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class JsonType:
    """A type of fields: `words` for the manual, `schema` for JSON Schema."""

    words: str
    schema: Schema


BASE64: Schema = {"type": "object", "properties": {"base64": {"type": "string"}}, "required": ["base64"]}

TYPES = {
    "name": JsonType(
        "name",
        {"description": 'Text, or {"base64"} of a name that is not UTF-8.', "anyOf": [{"type": "string"}, BASE64]},
    ),
    "content": JsonType(
        "content",
        {
            "description": 'The stored text, {"base64"} of what is not UTF-8, or null for none.',
            "anyOf": [{"type": ["string", "null"]}, BASE64],
        },
    ),
    "figure": JsonType(
        "figure",
        {
            "description": 'A number; {"about": n}, {"at_least": n} or {"at_most": n}, with "why" where it is known; '
            "null where it is not known, never 0.",
            "anyOf": [
                {"type": ["number", "null"]},
                {
                    "type": "object",
                    "properties": {
                        "about": {"type": "number"},
                        "at_least": {"type": "number"},
                        "at_most": {"type": "number"},
                        "why": {"type": "string"},
                    },
                    "minProperties": 1,
                },
            ],
        },
    ),
    "header": JsonType(
        "header",
        {
            "description": "Name, value, and on RabbitMQ the type in the AMQP table.",
            "type": "array",
            "prefixItems": [{"$ref": "#/$defs/name"}, True, {"type": "string"}],
            "minItems": 2,
            "maxItems": 3,
        },
    ),
}
"""Types with a definition of their own."""

TEXT = JsonType("text", {"type": "string"})
TEXT_OR_NULL = JsonType("text or null", {"type": ["string", "null"]})
INTEGER = JsonType("integer", {"type": "integer"})
INTEGER_OR_NULL = JsonType("integer or null", {"type": ["integer", "null"]})
NUMBER = JsonType("number", {"type": "number"})
BOOLEAN = JsonType("boolean", {"type": "boolean"})
BOOLEAN_OR_NULL = JsonType("boolean or null", {"type": ["boolean", "null"]})
TIME = JsonType("ms since the epoch, or null", {"type": ["integer", "null"]})
MILLISECONDS = JsonType("ms, or null", {"type": ["integer", "null"]})
POSITION_OR_NULL = JsonType("integer, text or null", {"type": ["integer", "string", "null"]})
ANY = JsonType("any JSON", {})


def _named(name: str) -> JsonType:
    return JsonType(name.replace("_", " "), {"$ref": f"#/$defs/{name}"})


def _or_null(kind: JsonType) -> JsonType:
    return JsonType(f"{kind.words}, or null", {"anyOf": [kind.schema, {"type": "null"}]})


def _list(kind: JsonType) -> JsonType:
    return JsonType(f"list of {kind.words}", {"type": "array", "items": kind.schema})


def _map(kind: JsonType) -> JsonType:
    return JsonType(f"object of {kind.words}", {"type": "object", "additionalProperties": kind.schema})


@dataclass(frozen=True, slots=True)
class JsonField:
    """A field: its type, and what it means."""

    type: JsonType
    about: str

    @property
    def schema(self) -> Schema:
        """The JSON Schema of its value."""
        return {**self.type.schema, "description": self.about}


NAME, CONTENT, FIGURE = (_named(name) for name in ("name", "content", "figure"))
PAIR = JsonType("[name, content]", {"type": "array", "prefixItems": [NAME.schema, CONTENT.schema], "minItems": 2})
ASSIGNED = JsonType("[name, partition]", {"type": "array", "prefixItems": [NAME.schema, {"type": "integer"}]})

FIELDS = {
    # what is meant, and where
    "target": JsonField(NAME, "profile or URL; of several brokers each row has its own"),
    "profile": JsonField(NAME, "profile, or the URL where none was used"),
    "broker": JsonField(TEXT, "kafka, rabbitmq or redis"),
    "resource": JsonField(NAME, "topic, queue, exchange or stream"),
    "kind": JsonField(TEXT, "topic, queue, exchange or stream"),
    "type": JsonField(TEXT, "the broker's term, such as quorum, fanout, consumer"),
    "state": JsonField(
        TEXT,
        "of a group in the broker's term; of a run; of a sent message (stored ...); of a reader (passed ...); "
        "of an alert (raised, cleared)",
    ),
    "source": JsonField(NAME, "the destination a run took letters from"),
    "name": JsonField(NAME, "of a profile, a risk, a consumer"),
    "why": JsonField(TEXT, "why something is missing or unknown; why a run ended early"),
    "reason": JsonField(TEXT_OR_NULL, "why a message or letter was not stored"),
    # destinations
    "messages": JsonField(FIGURE, "messages it holds"),
    "backlog": JsonField(FIGURE, "messages that wait for readers"),
    "bytes": JsonField(FIGURE, "bytes it holds"),
    "partitions": JsonField(INTEGER_OR_NULL, "number of partitions"),
    "internal": JsonField(BOOLEAN, "whether the broker made it for itself"),
    "facts": JsonField(_map(ANY), "what only this kind of broker has, by the broker's names"),
    "dead_letters_to": JsonField(_list(_named("reference")), "where the broker dead-letters to"),
    # what the broker says, partitions, nodes
    "of": JsonField(TEXT, "what the line is about: topic, config, partition, queue, policy, binding, group ..."),
    "problem": JsonField(TEXT, "what is wrong, in a few words; empty where nothing is"),
    "leader": JsonField(INTEGER_OR_NULL, "the node that leads; null: none does"),
    "replicas": JsonField(_list(INTEGER), "nodes that keep a replica, the preferred leader first"),
    "in_sync": JsonField(_list(INTEGER), "nodes whose replica is in sync"),
    "low": JsonField(INTEGER_OR_NULL, "first offset"),
    "high": JsonField(INTEGER_OR_NULL, "high watermark"),
    "stable": JsonField(INTEGER_OR_NULL, "last stable offset: behind it are records of open transactions"),
    "partitioner": JsonField(TEXT, "how the partition is picked, by librdkafka's name for it"),
    "clients": JsonField(_list(TEXT), "clients that pick so by default"),
    "node": JsonField(NAME, "number or name of a node"),
    "address": JsonField(TEXT, "where it is; empty where the broker does not say"),
    "role": JsonField(TEXT, "controller, broker, disc, primary, replica, away ..."),
    "leads": JsonField(INTEGER_OR_NULL, "partitions that it leads"),
    "keeps": JsonField(INTEGER_OR_NULL, "partitions of which it keeps a replica"),
    "out_of_sync": JsonField(INTEGER_OR_NULL, "its replicas that are not in sync"),
    "data_bytes": JsonField(FIGURE, "bytes of the replicas on it"),
    "disk_free": JsonField(FIGURE, "bytes free on its disks"),
    "disk_total": JsonField(FIGURE, "bytes of its disks"),
    "memory": JsonField(FIGURE, "bytes of memory that it uses"),
    "memory_limit": JsonField(FIGURE, "bytes of memory that it may use"),
    # messages
    "position": JsonField(TEXT_OR_NULL, "partition/offset, or the id of an entry"),
    "partition": JsonField(INTEGER_OR_NULL, "partition, from 0"),
    "offset": JsonField(INTEGER, "offset in the partition"),
    "id": JsonField(TEXT, "id of a stream entry, of an alert, or of a plan: the id of its run"),
    "timestamp": JsonField(TIME, "the message's own time"),
    "key": JsonField(CONTENT, "record key"),
    "value": JsonField(CONTENT, "value or body, never parsed"),
    "headers": JsonField(_list(_named("header")), "headers in their order"),
    "fields": JsonField(_list(PAIR), "fields of a stream entry in their order"),
    "codec": JsonField(TEXT_OR_NULL, "outermost layer: json, text, gzip, fernet, binary, fields; all with `--decode`"),
    "decoded": JsonField(ANY, "the value parsed"),
    "schema": JsonField(TEXT, "schema it was decoded by, or that is missing"),
    "report": JsonField(_list(ANY), "codecs tried with `--decode`; `why` where one does not fit"),
    "size": JsonField(INTEGER, "bytes of the message, or of the file"),
    "exchange": JsonField(NAME, "exchange it was published to"),
    "routing_key": JsonField(NAME, "routing key it was published with"),
    "routing_keys": JsonField(_list(NAME), "routing keys of the letters"),
    "properties": JsonField(_map(ANY), "AMQP basic properties"),
    "redelivered": JsonField(BOOLEAN, "whether it was delivered before"),
    "deliveries_left": JsonField(FIGURE, "deliveries until the queue's delivery limit"),
    "place": JsonField(NAME, "kind and name of the destination or group, as commands take it"),
    "in": JsonField(_list(NAME), "parts of the message that have the text: key, header NAME, field NAME, .path"),
    "read_by": JsonField(_or_null(_list(_named("message_reader"))), "groups of its place; null: not known"),
    # groups
    "group": JsonField(NAME, "consumer group; on RabbitMQ the queue"),
    "groups": JsonField(_or_null(_list(NAME)), "names of groups that read it; null where it is not known"),
    "members": JsonField(_list(_named("member")), "consumers of the group"),
    "reads": JsonField(_list(_named("reference")), "what the group reads"),
    "pending": JsonField(FIGURE, "entries delivered and not acknowledged"),
    "client": JsonField(NAME, "client id"),
    "host": JsonField(NAME, "host of a consumer, or of the operator"),
    "assigned": JsonField(_list(ASSIGNED), "partitions assigned"),
    "consumer": JsonField(NAME, "consumer of a Redis group"),
    "idle_ms": JsonField(MILLISECONDS, "how long idle: an entry since its delivery, a consumer since its last attempt"),
    "min_idle_ms": JsonField(MILLISECONDS, "entries idle for less are left"),
    "inactive_ms": JsonField(MILLISECONDS, "since the consumer last got an entry"),
    "deliveries": JsonField(INTEGER, "how often it was delivered"),
    "read_at": JsonField(TIME, "the server's time of the reading"),
    # lag
    "broker_state": JsonField(TEXT, "the broker's own word for the state of a group"),
    "words": JsonField(TEXT, "how the group goes, in a sentence; whether it moves is known from a second look on"),
    "parts": JsonField(_list(_named("part")), "lag of each partition"),
    "in_per_second": JsonField(FIGURE, "messages that arrive in a second, from two looks"),
    "out_per_second": JsonField(FIGURE, "messages that the group reads in a second, from two looks"),
    "lag_seconds": JsonField(
        FIGURE, "age of the oldest message that is not read; exact where that message itself was read"
    ),
    "eta_seconds": JsonField(FIGURE, "seconds until nothing waits; null where the lag does not shrink"),
    "deleted_in_seconds": JsonField(NUMBER, "until retention may delete the first message that is not read"),
    "next_message": JsonField(TEXT, "what is known of the message at which the group does not move"),
    "assigned_to": JsonField(NAME, "the member that the partition is assigned to"),
    "committed": JsonField(TEXT_OR_NULL, "committed position"),
    "end": JsonField(TEXT_OR_NULL, "end of the partition"),
    "lag": JsonField(FIGURE, "messages the group can still read"),
    "lost": JsonField(FIGURE, "messages removed before the group read them; only where not 0"),
    "uncommitted": JsonField(INTEGER, "records behind an open transaction; only where not 0"),
    # offsets
    "from": JsonField(POSITION_OR_NULL, "where the group stands: offset read next; on Redis the last delivered id"),
    "to": JsonField(POSITION_OR_NULL, "where it is to stand"),
    "skips": JsonField(FIGURE, "messages that the group will not read"),
    "reads_again": JsonField(FIGURE, "messages that it has read before and reads again"),
    "from_time": JsonField(TIME, "of the message that is read next"),
    "to_time": JsonField(TIME, "of the message that is to be read next"),
    # transactions
    "transactional_id": JsonField(TEXT_OR_NULL, "transactional id; null where no coordinator lists the transaction"),
    "producer_id": JsonField(INTEGER, "producer id of a transaction"),
    "producer_epoch": JsonField(INTEGER, "its epoch"),
    "open_since": JsonField(TIME, "when the transaction began; null where only its last record is known"),
    "last_record": JsonField(TIME, "when it wrote its last record"),
    "timeout_ms": JsonField(MILLISECONDS, "its time-out"),
    "open_in": JsonField(_list(_named("open_partition")), "partitions that it has records in, or may write to"),
    "start_offset": JsonField(INTEGER_OR_NULL, "its first offset there: readers of what is committed wait before it"),
    "aborted": JsonField(TEXT, "the transaction that was aborted"),
    # dead letters
    "letters": JsonField(FIGURE, "number of dead letters"),
    "letter": JsonField(NAME, "position of one letter"),
    "origins": JsonField(_list(NAME), "where the letters died"),
    "origin": JsonField(_or_null(NAME), "where the letters died"),
    "detected_by": JsonField(TEXT, "what says that it holds dead letters"),
    "cause_id": JsonField(TEXT, "id of a cause, for --cause"),
    "cause": JsonField(TEXT, "exception and normalised message"),
    "exception": JsonField(TEXT_OR_NULL, "class of the exception"),
    "message": JsonField(TEXT_OR_NULL, "message of one letter, as it is"),
    "first": JsonField(TIME, "when the first letter died"),
    "last": JsonField(TIME, "when the last letter died"),
    # plans
    "plan": JsonField(_named("plan"), "what would be done"),
    "verb": JsonField(
        TEXT, "publish, redrive, discard, putback, claim, ack, offsets, register, create, alter, delete, purge, abort"
    ),
    "steps": JsonField(_list(_named("step")), "what is done, in order"),
    "step": JsonField(
        TEXT,
        "take, deliver, remove, send, listen, peek, claim, ack, unmark, create, register, set, skip, alter, partitions,"
        " purge, delete or abort",
    ),
    "note": JsonField(TEXT, "a remark to a step"),
    "count": JsonField(FIGURE, "messages, letters or entries of a plan or step"),
    "spends": JsonField(BOOLEAN, "whether each message uses up a delivery"),
    "settings": JsonField(_list(_named("setting_change")), "settings of the destination"),
    "bounds": JsonField(_list(TEXT), "the first position that stays, of each partition"),
    "ids": JsonField(_list(TEXT), "ids of entries"),
    "offsets": JsonField(_list(TEXT), "partition/offset of each letter"),
    "selection": JsonField(_named("selection"), "which letters"),
    "where": JsonField(TEXT, "jq program"),
    "since": JsonField(TIME, "letters from this time on; since when an alert's condition holds"),
    "until": JsonField(TIME, "letters before this time"),
    "limit": JsonField(INTEGER, "at most so many"),
    "summary": JsonField(_list(_named("fact")), "the plan's terms, for people"),
    "label": JsonField(TEXT, "name of a term"),
    "text": JsonField(TEXT, "a sentence for people"),
    "risks": JsonField(_list(_named("risk")), "what may go wrong"),
    "severity": JsonField(TEXT, "of a risk warn or refuse, of an alert critical or warning"),
    "final": JsonField(BOOLEAN, "whether --allow can't accept it"),
    "guarantee": JsonField(_or_null(_named("guarantee")), "what is promised"),
    "strength": JsonField(TEXT, "exactly once, at least once ..."),
    "header_changes": JsonField(_map(_list(NAME)), "names of headers by what becomes of them"),
    "hash": JsonField(TEXT, "hash of the plan's terms"),
    # runs
    "run": JsonField(TEXT, "id of the run"),
    "short": JsonField(TEXT, "shortest unique beginning of the id"),
    "operator": JsonField(TEXT, "user on this machine"),
    "started": JsonField(TIME, "when it began"),
    "ended": JsonField(TIME, "when it ended; null: not yet"),
    "planned": JsonField(INTEGER_OR_NULL, "letters of the run: the sum of the outcomes"),
    "moved": JsonField(INTEGER, "stored and removed"),
    "refused": JsonField(INTEGER, "refused by the broker, with the reason"),
    "unknown": JsonField(INTEGER, "outcome not known"),
    "skipped": JsonField(INTEGER, "gone, or handled by another run"),
    "left": JsonField(INTEGER, "never tried"),
    "outcomes": JsonField(_map(INTEGER), "letters by outcome"),
    "outcome": JsonField(TEXT, "moved, refused, unknown, skipped or left"),
    "at": JsonField(_or_null(NAME), "where the copy is"),
    "in_flight": JsonField(INTEGER, "letters in the journal without an outcome"),
    "result": JsonField(_or_null(_named("result")), "how the run ended; null: not yet"),
    "duplicates_suspected": JsonField(INTEGER, "letters that may be at their target twice"),
    "suspect": JsonField(TEXT, "a letter that may be at its target twice"),
    "reasons": JsonField(_map(INTEGER), "letters not moved, by reason"),
    "seconds": JsonField(NUMBER, "wall time"),
    "watched": JsonField(_or_null(NUMBER), "seconds for which it was monitored"),
    "verdict": JsonField(TEXT, "what the monitor found, and what is unknown"),
    "came_back": JsonField(INTEGER_OR_NULL, "dead-lettered again; null: not monitored, or can't be known"),
    "passed": JsonField(INTEGER_OR_NULL, "passed every group in which it had failed; null likewise"),
    "waiting": JsonField(INTEGER_OR_NULL, "not passed yet; null likewise"),
    "readers": JsonField(_list(_named("reader")), "groups that read the target"),
    "alive": JsonField(BOOLEAN_OR_NULL, "whether a member reads; null where the broker does not tell"),
    "must_pass": JsonField(BOOLEAN, "whether the monitor waits for this group"),
    "back": JsonField(_list(TEXT), "the first letters that came back"),
    # publish, claim, ack
    "line": JsonField(INTEGER, "line of --jsonl, from 1"),
    "published": JsonField(INTEGER, "messages stored"),
    "next_line": JsonField(INTEGER, "line to continue from"),
    "asked": JsonField(INTEGER, "entries, partitions or settings of the plan"),
    "done": JsonField(INTEGER, "those that were changed"),
    "notes": JsonField(_list(TEXT), "what was not done, and why"),
    # audit
    "n": JsonField(INTEGER, "place in the chain, from 1"),
    "event": JsonField(TEXT, "begin, end or note"),
    "time": JsonField(TIME, "when it was written, raised or cleared"),
    "on": JsonField(_list(NAME), "what was written to"),
    "ending": JsonField(TEXT, "how the write ended; the text of a note"),
    "command": JsonField(TEXT, "the command line, without secrets; of an alert the one that opens the place"),
    # profiles
    "environment": JsonField(TEXT, "dev, stage, prod or empty"),
    "mode": JsonField(TEXT, "read-only, protected or empty"),
    "allow": JsonField(_list(TEXT), "verbs allowed beyond the mode"),
    "deny": JsonField(_list(TEXT), "verbs refused"),
    "prefix": JsonField(TEXT, "of names that mqtui makes"),
    "dead_letters": JsonField(_list(TEXT), "further names of dead-letter destinations"),
    "keys": JsonField(_list(TEXT), "names of the Fernet keys that open message bodies"),
    "decode": JsonField(_map(_map(TEXT)), "how bodies are decoded, by destination and part"),
    "secret": JsonField(TEXT_OR_NULL, "where the password is, never itself"),
    "secrets": JsonField(_map(TEXT), "where secret options are, by option"),
    "options": JsonField(_map(ANY), "options by name"),
    "brokers": JsonField(_map(_named("endpoint")), "brokers by kind"),
    "url": JsonField(NAME, "URL without its password"),
    "used": JsonField(TEXT_OR_NULL, "profile of commands that name no target; null: none"),
    "removed": JsonField(TEXT, "profile that was removed"),
    "ok": JsonField(BOOLEAN, "whether it connected"),
    "version": JsonField(TEXT, "the broker's version"),
    "ms": JsonField(INTEGER, "how long connecting took"),
    "failed_step": JsonField(
        TEXT_OR_NULL, "name, port, TLS, login, space or rights; null: the error is none of connecting"
    ),
    # the schema registry
    "subject": JsonField(NAME, "subject of the schema registry"),
    "schema_versions": JsonField(_list(INTEGER), "versions of the subject"),
    "schema_version": JsonField(INTEGER_OR_NULL, "version in the subject; null: none, or not known"),
    "schema_id": JsonField(INTEGER_OR_NULL, "id in the registry"),
    "language": JsonField(TEXT_OR_NULL, "avro, protobuf or json"),
    "compatibility": JsonField(TEXT_OR_NULL, "level of the subject, in the registry's words"),
    "used_by": JsonField(_or_null(_list(TEXT)), "destinations, their groups, schemas; null where it is not known"),
    "definition": JsonField(TEXT, "the schema's source"),
    "references": JsonField(_list(TEXT), "schemas it uses, by the names it has for them"),
    "path": JsonField(TEXT, "a part of a schema"),
    "before": JsonField(TEXT_OR_NULL, "what it was"),
    "after": JsonField(TEXT_OR_NULL, "what it is"),
    "changes": JsonField(_list(_named("schema_change")), "what differs from the newest version"),
    "compatible": JsonField(BOOLEAN_OR_NULL, "whether it may be the next version; null: of a new subject"),
    "registered": JsonField(BOOLEAN, "whether it was registered now"),
    # alerts
    "alert": JsonField(NAME, "condition and name of what an alert is about, for --mute"),
    "what": JsonField(TEXT, "what is wrong"),
    "advice": JsonField(TEXT, "what to do about it, where the figures tell"),
    "evidence": JsonField(TEXT, "the figures that show it"),
    "owner": JsonField(TEXT_OR_NULL, "whom the rule names"),
    # exports
    "file": JsonField(TEXT, "path of the file"),
    "format": JsonField(TEXT, "jsonl, csv or parquet"),
    "exported": JsonField(INTEGER, "messages in the file"),
    "resumed": JsonField(INTEGER, "messages that an earlier export had left"),
    # the demo's URLs
    "kafka": JsonField(TEXT, "URL of the demo's Kafka"),
    "rabbitmq": JsonField(TEXT, "URL of the demo's RabbitMQ"),
    "redis": JsonField(TEXT, "URL of the demo's Redis"),
    "registry": JsonField(TEXT, "URL of the demo's schema registry"),
    # searches
    "scanned": JsonField(INTEGER, "messages that were read, by a search tested"),
    "undecodable": JsonField(INTEGER, "messages whose value could not be decoded, none of which is found"),
    "failed": JsonField(INTEGER, "messages on which the jq program failed, none of which is found"),
    "not_looked_at": JsonField(INTEGER, "messages that were not tested: not committed, beyond the depth of a queue"),
    "end_offset": JsonField(INTEGER, "the offset after the last one"),
    # errors
    "error": JsonField(_named("error"), "what went wrong"),
    "title": JsonField(TEXT, "what went wrong, in a line"),
    "detail": JsonField(TEXT, "what happened"),
    "hint": JsonField(TEXT, "what to do"),
    "exit": JsonField(INTEGER, "exit code"),
}
