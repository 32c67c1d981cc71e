"""Trouble on demand: a killed process, a broker that goes away, a lost reply, a limit on size, a missing right."""

from __future__ import annotations

from dataclasses import dataclass, field

from mqtui.domain.capability import Verb
from mqtui.domain.errors import BrokerTrouble, NotAuthenticated, Unreachable


class Killed(BaseException):
    """`kill -9` of mqtui at this instant: the adapter cleans nothing up, the broker does what it does by itself."""


@dataclass(slots=True)
class Faults:
    """Counters run down with each message that reaches the broker; None never happens.

    Attributes:
        unreachable: no conversation at all.
        password: what the broker asks for; None takes any.
        die_after: this many more messages are stored, then the process is gone, before it removed the last one from
            its source. Kafka: the whole batch has not happened. Redis: that last letter was stored and removed.
        die_after_batches: this many more batches are moved in full, then the process is gone before it heard of it.
        break_after: this many more messages are stored, then the broker is gone until `unreachable` is False again.
        lose_replies: the next so many messages are stored and their receipts say unknown.
        late_requeues: RabbitMQ: what a killed process held is requeued only when it was waited for so many times.
        max_size: larger messages are refused; bytes of key, value, headers and fields.
        denied: verbs that this user has no right to.
    """

    unreachable: bool = False
    password: str | None = None
    die_after: int | None = None
    die_after_batches: int | None = None
    break_after: int | None = None
    lose_replies: int = 0
    late_requeues: int = 0
    max_size: int | None = None
    denied: set[Verb] = field(default_factory=set)

    def conversation(self, secret: str) -> None:
        """Raise what a call meets before anything is read or written."""
        if self.unreachable:
            raise Unreachable("The broker does not answer", "memory", "Is it running?")
        if self.password is not None and secret != self.password:
            raise NotAuthenticated("The password was refused", "memory", "Check the user and the password.")

    def message_arrived(self) -> None:
        """A message has just been stored (or is about to be, in a batch that is one step)."""
        if self.die_after is not None:
            self.die_after -= 1
            if self.die_after <= 0:
                self.die_after = None
                raise Killed
        if self.break_after is not None:
            self.break_after -= 1
            if self.break_after <= 0:
                self.break_after = None
                self.unreachable = True
                raise BrokerTrouble("The broker went away", "memory", "Resume the run when it is back.")

    def batch_done(self) -> None:
        """A batch was moved in full; its reply is on the way."""
        if self.die_after_batches is not None:
            self.die_after_batches -= 1
            if self.die_after_batches <= 0:
                self.die_after_batches = None
                raise Killed

    def reply_lost(self) -> bool:
        """Whether the reply to this message does not come."""
        if self.lose_replies <= 0:
            return False
        self.lose_replies -= 1
        return True
