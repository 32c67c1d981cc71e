"""The rows of `--json`: which fields each has, and which rows each command prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JsonRow:
    """A JSON object: a line, or a part of one. Fields that are not always there are optional."""

    about: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


def _row(about: str, required: str, optional: str = "") -> JsonRow:
    return JsonRow(about, tuple(required.split()), tuple(optional.split()))


RUN_FIELDS = "run short verb profile target source broker state operator host started ended planned outcomes in_flight"
OUTCOME_FIELDS = "run planned moved refused unknown skipped left duplicates_suspected came_back passed waiting readers"
PLAN_FIELDS = "id verb profile broker steps summary risks guarantee header_changes hash count"
PROFILE_FIELDS = "name environment mode allow deny prefix dead_letters keys decode secret brokers"
STEP_OPTIONS = (
    "resource kind count note routing_keys selection spends group consumer min_idle_ms ids run offsets why"
    " subject language type partitions settings bounds transactional_id producer_id"
)
SUBJECT_FIELDS = "subject schema_versions schema_version schema_id language compatibility used_by"
MESSAGE_OPTIONS = "partition offset id headers fields decoded schema report exchange routing_key properties redelivered"
MOVEMENT_OPTIONS = "in_per_second out_per_second lag_seconds eta_seconds deleted_in_seconds"

ROWS = {
    # lines
    "message": _row(
        "A message. A line that `publish --jsonl` takes back byte for byte.",
        "resource position timestamp key value codec size",
        f"{MESSAGE_OPTIONS} deliveries_left why",
    ),
    "hit": _row(
        "A message that `find` found: a message with where it is, and who has read it.",
        "target broker place in read_by resource position timestamp key value codec size",
        f"{MESSAGE_OPTIONS} deliveries_left why",
    ),
    "search_count": _row(
        "What `search --count` found: messages that match, and those that it could not test.",
        "count scanned undecodable failed not_looked_at",
    ),
    "scanned_twice": _row(
        "What was perhaps scanned twice, and its hits given twice: a process of `search --share` ended while scanning "
        "it. Offsets from `offset` up to before `end_offset`.",
        "resource partition offset end_offset why",
    ),
    "destination": _row(
        "A destination with what waits in it.",
        "resource kind type partitions internal facts dead_letters_to messages backlog bytes",
        "target why",
    ),
    "property": _row(
        "A line of what the broker says of a destination; value null: not known, and the note says why.",
        "resource of name value note problem",
    ),
    "partition_status": _row(
        "A partition of a topic; offsets are null where its leader did not tell them.",
        "resource partition leader replicas in_sync low high stable bytes problem note",
        "why",
    ),
    "key_partition": _row(
        "Where the producers of some clients send a key, unless they are told another partitioner.",
        "resource key partitioner partition clients",
    ),
    "node": _row(
        "A node of a broker; figures that this kind of broker does not have are left out.",
        "node address role leads keeps out_of_sync problem note",
        "target data_bytes disk_free disk_total memory memory_limit why",
    ),
    "consumer_group": _row("A consumer group.", "group type state members reads pending", "target why"),
    "group_lag": _row(
        "The lag of a group.",
        "group state broker_state words parts lag",
        f"{MOVEMENT_OPTIONS} target lost uncommitted why",
    ),
    "open_transaction": _row(
        "A transaction that is open.",
        "transactional_id producer_id producer_epoch state broker_state open_since last_record timeout_ms open_in",
        "why",
    ),
    "transaction_aborted": _row("A transaction was aborted.", "verb aborted notes"),
    "pending_entry": _row(
        "An entry that was delivered and not acknowledged.",
        "resource group id consumer idle_ms deliveries read_at",
    ),
    "dead_letter_destination": _row(
        "A destination that holds dead letters.",
        "resource kind origins detected_by groups letters",
        "target why",
    ),
    "cause": _row(
        "Letters with one cause.",
        "cause_id cause exception message origin letters first last",
        "decoded codec schema report",
    ),
    "planned": _row(
        "The plan: the first line of every write, and, but for `offsets`, the only one of a dry run.", "plan"
    ),
    "suspect": _row("A letter that may be at its target twice; before the outcome.", "suspect"),
    "letter": _row("What became of one letter; of a run those that are unknown.", "letter outcome", "at reason"),
    "result": _row(
        "How a run ended: its last line. What was not monitored is null.",
        f"{OUTCOME_FIELDS} seconds",
        "reasons why verdict watched back",
    ),
    "receipt": _row("What the broker said to one message.", "resource state position", "line reason"),
    "published": _row(
        "The sum of `publish --jsonl`; where it ended early, why and where to continue.",
        "published refused unknown",
        "next_line reason",
    ),
    "monitored": _row(
        "What became of a message that was published with `--watch`.",
        "came_back passed waiting readers watched verdict",
        "back",
    ),
    "entries_changed": _row(
        "What `claim`, `ack`, `create`, `alter`, `delete` or `purge` did.", "verb asked done notes"
    ),
    "offset_move": _row(
        "A partition of the preview of `offsets`, after the plan; null is no offset.",
        "resource partition from to skips reads_again from_time to_time",
        "why",
    ),
    "offsets_changed": _row("What `offsets` did; `runs putback RUN` puts it back.", "verb run asked done notes"),
    "run": _row("A run in the journal of this machine.", f"{RUN_FIELDS} result"),
    "audit_line": _row(
        "A line of the audit.",
        "n event run time operator host profile verb on planned ending command",
    ),
    "alert_event": _row(
        "An alert was raised or cleared, with the same `id`; may come twice. Without `place` it is of the broker.",
        "id state what since target evidence command alert severity owner time",
        "place advice",
    ),
    "profile": _row("A profile, without its secrets.", PROFILE_FIELDS),
    "profile_removed": _row("The profile that was removed.", "removed"),
    "profile_used": _row("The profile of commands that name no target.", "used"),
    "connection": _row(
        "Whether one broker of a profile could be reached.",
        "profile broker ok",
        "version ms failed_step title detail hint",
    ),
    "subject": _row(
        "A subject of the schema registry, with one version; null is what could not be asked.",
        SUBJECT_FIELDS,
        "definition references why",
    ),
    "schema_change": _row("A part of a schema that differs; null is none.", "path before after"),
    "schema_check": _row(
        "Whether a file may be the next version of a subject, in the registry's words.",
        "subject compatibility compatible notes changes schema_version",
    ),
    "registered_schema": _row(
        "The version of a subject that a file is; `registered`: it is new.",
        "subject schema_version schema_id registered",
    ),
    "demo_urls": _row("Where the demo's brokers are.", "", "kafka rabbitmq redis registry"),
    "exported": _row(
        "What was exported: `scanned` were read now, `resumed` were in the file before.",
        "resource kind file format exported scanned resumed size seconds",
    ),
    "failure": _row("On stderr, where the command fails; the exit code is in it.", "error"),
    # parts of lines
    "reference": _row("A destination by name and kind.", "resource kind"),
    "member": _row("A consumer of a group.", "name client host assigned pending idle_ms inactive_ms"),
    "part": _row(
        "The lag in one partition.",
        "resource partition committed end lag",
        f"{MOVEMENT_OPTIONS} assigned_to next_message lost uncommitted why",
    ),
    "open_partition": _row("A partition that a transaction is open in.", "resource partition start_offset last_record"),
    "plan": _row("A plan.", PLAN_FIELDS, "why"),
    "step": _row("A step of a plan.", "step", STEP_OPTIONS),
    "setting_change": _row("A setting of a destination; null after: the broker's default.", "name before after"),
    "fact": _row("A term of a plan.", "label text"),
    "risk": _row("What may go wrong.", "name text severity final"),
    "guarantee": _row("What is promised.", "strength text"),
    "selection": _row(
        "Which letters; what was not asked for is left out.", "", "cause_id where partition since until limit"
    ),
    "reader": _row("How far a group has read the copies.", "group resource state alive passed waiting must_pass"),
    "message_reader": _row(
        "A group and a message: passed, waiting (it stands before it), pending (with a consumer) or unknown.",
        "group state",
        "committed consumer idle_ms",
    ),
    "endpoint": _row("One broker of a profile.", "url options", "secrets"),
    "error": _row("A title, what happened, what to do.", "title detail hint exit"),
}

RUN_ROWS = "planned suspect letter result"
COMMANDS = {
    "demo": "demo_urls",
    "ls": "destination",
    "describe": "property",
    "partitions": "partition_status key_partition",
    "topology": "node",
    "peek": "message",
    "tail": "message",
    "search": "planned message scanned_twice search_count",
    "find": "hit",
    "export": "exported",
    "publish": "planned receipt published monitored",
    "groups": "consumer_group",
    "lag": "group_lag",
    "pending": "pending_entry",
    "claim": "planned entries_changed",
    "ack": "planned entries_changed",
    "offsets": "planned offset_move offsets_changed",
    "transactions": "open_transaction planned transaction_aborted",
    "create": "planned entries_changed",
    "alter": "planned entries_changed",
    "delete": "planned entries_changed",
    "purge": "planned entries_changed",
    "dlq": "dead_letter_destination cause",
    "redrive": RUN_ROWS,
    "discard": RUN_ROWS,
    "runs": "run",
    "runs list": "run",
    "runs show": "letter run",
    "runs report": "run",
    "runs resume": f"{RUN_ROWS} offset_move offsets_changed",
    "runs putback": f"{RUN_ROWS} offset_move offsets_changed",
    "audit": "audit_line",
    "watch": "alert_event",
    "schema list": "subject",
    "schema show": "subject",
    "schema diff": "schema_change",
    "schema check": "schema_check",
    "schema register": "planned registered_schema",
    "profile list": "profile",
    "profile show": "profile",
    "profile add": "profile",
    "profile remove": "profile_removed",
    "profile use": "profile_used",
    "profile test": "connection",
}
"""The rows on stdout of each command with `--json` (`demo`: with `--headless`)."""
