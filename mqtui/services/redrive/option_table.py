"""The options of a redrive or discard, declared once.

The command line, the console's form and the printed command are made from `OPTIONS`. Here is no broker, and nothing
that is slow to import: `request_options.py` applies the values to a request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mqtui.domain.capability import Verb


class OptionType(StrEnum):
    """How the value of an option is typed."""

    TEXT = "text"
    RESOURCE = "resource"
    INDEX = "number"
    """A whole number from 0 on."""

    COUNT = "count"
    """A whole number from 1 on."""

    RATE = "rate"
    TIME = "time"
    DURATION = "duration"
    SHARE = "share"
    COUNTS = "counts"
    SWITCH = "yes or no"
    RISKS = "risks"


@dataclass(frozen=True, slots=True)
class RedriveOption:
    """One option: `flag` and `help` on the command line, `label` and `hint` in the form, `key` in the request.

    `complete` names what a shell completes, `only_redrive` is no option of a discard.
    """

    key: str
    flag: str
    type: OptionType
    label: str
    hint: str
    help: str
    metavar: str = ""
    complete: str = ""
    only_redrive: bool = False


OPTIONS = (
    RedriveOption(
        *("to", "--to", OptionType.RESOURCE, "To", "empty: home, where each came from"),
        *("Target; without it each goes back where it came from.", "RESOURCE", "resource"),
        only_redrive=True,
    ),
    RedriveOption(
        *("to_target", "--to-target", OptionType.TEXT, "On", "another profile, where `to` is there"),
        *("The broker of --to, where it is another one.", "TARGET", "target"),
        only_redrive=True,
    ),
    RedriveOption(
        *("cause", "--cause", OptionType.TEXT, "Cause", "the id of a cause; empty: all"),
        *("Only letters of this cause, as `mqtui dlq` shows it.", "ID", "cause"),
    ),
    RedriveOption(
        *("where", "--where", OptionType.TEXT, "Where", "jq: .amount == null"),
        *("Only letters this jq program selects.", "JQ"),
    ),
    RedriveOption(
        *("partition", "--partition", OptionType.INDEX, "Partition", "empty: all"),
        *("Kafka: only this partition.", "N"),
    ),
    RedriveOption(
        *("since", "--from", OptionType.TIME, "Died from", "14:02, -15m or ISO 8601"),
        *("Only letters dead-lettered from then on.", "T"),
    ),
    RedriveOption(
        *("until", "--until", OptionType.TIME, "Died before", "14:02, -15m or ISO 8601"),
        *("Only letters dead-lettered before.", "T"),
    ),
    RedriveOption(
        *("limit", "--limit", OptionType.COUNT, "At most", "letters; empty: all"),
        *("At most so many.", "N"),
    ),
    RedriveOption(
        *("first", "--canary", OptionType.COUNTS, "First", "1,10 then the rest; empty: all at once"),
        *("First so many, then more, then the rest.", "N[,N]"),
        only_redrive=True,
    ),
    RedriveOption(
        *("stop_at", "--stop-at", OptionType.SHARE, "Stop at", "5% come back"),
        *("Stop by itself if more come back. Default: 5%.", "P%"),
        only_redrive=True,
    ),
    RedriveOption(
        *("watch", "--watch", OptionType.DURATION, "Watch", "60s; 0s: nothing"),
        *("Monitor for so long whether letters come back.", "D"),
        only_redrive=True,
    ),
    RedriveOption(
        *("rate", "--rate", OptionType.RATE, "A second", "letters; empty: no limit"),
        *("At most N a second.", "N"),
    ),
    RedriveOption(
        *("keep_timestamp", "--keep-timestamp", OptionType.SWITCH, "Own time", "yes: records keep it"),
        "Kafka: records keep their own time.",
        only_redrive=True,
    ),
    RedriveOption(
        *("take_over", "--take-over", OptionType.SWITCH, "Take over", "yes: ends another operator's run"),
        "End another operator's run on the same source.",
    ),
    RedriveOption(
        *("shared", "--yes-shared", OptionType.SWITCH, "Shared", "yes: consumers of the source read along"),
        "Accept that consumers read the source meanwhile.",
    ),
    RedriveOption(
        *("allow", "--allow", OptionType.RISKS, "Accept risks", "risks by the names of the plan"),
        *("Accept a risk, by the name the plan gives it.", "RISK"),
    ),
)
OVERRIDES = ("take_over", "shared", "allow")
"""Options that a refusal names; a resume has them too."""


def options_of(verb: Verb) -> Iterator[RedriveOption]:
    """The options of a redrive or discard, on any broker."""
    return (option for option in OPTIONS if verb is Verb.REDRIVE or not option.only_redrive)
