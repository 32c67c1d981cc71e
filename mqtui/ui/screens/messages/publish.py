"""Publishing one message: a form with a preview beside, then the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, TextArea

from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, MqtuiError
from mqtui.domain.figure import exact
from mqtui.domain.message import Outgoing
from mqtui.domain.name_quoting import command, join
from mqtui.domain.partitioner import partition_for
from mqtui.domain.plan import Plan, StepResult
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import PublishStatus
from mqtui.domain.resource import Kind, Ref
from mqtui.profiles.keys import known_names
from mqtui.services import publishing
from mqtui.services.compose import (
    MessageDraft,
    build_message,
    encoded_size,
    find_json_break,
    message_facts,
    parse_header,
)
from mqtui.services.header_names import find_header_names
from mqtui.services.session import Session
from mqtui.ui.actions import Action
from mqtui.ui.editor import edit_text
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.form import Field, FieldError, Form
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.text_view import TextView

SENT_SHOWN = 5
MAX_RECALLED = 20
"""Messages to a destination that are kept to be sent again."""

RECALLED = ("key", "routing_key", "correlation_id")
"""Fields in which what was sent before is completed."""

MAX_ARGUMENT_BYTES = 4_000
"""Bytes up to which a value is put on the command line; a larger one is read from a file."""

PARSED = frozenset(("headers", "partition", "priority", "ttl"))
"""Fields that may have a mistake."""

COMMON_FIELDS = (
    Field("headers", "Headers", hint="", lines=3),
    Field("value", "Value", lines=10),
    Field("fernet", "Fernet key", hint="name of a key, to encrypt the value"),
    Field("idempotency", "Idempotency", hint="auto, or a value of your own"),
)
BROKER_FIELDS = (
    Field("key", "Key"),
    Field("partition", "Partition", hint="by key"),
    Field("routing_key", "Routing key"),
    Field("priority", "Priority"),
    Field("ttl", "TTL ms"),
    Field("correlation_id", "Correlation id"),
    Field("reply_to", "Reply to"),
)


class PublishScreen(ConsoleScreen):
    """A form for one message; its text is kept until the message is sent."""

    screen_name = "Publish"

    hint_actions = ("nav.next_pane", "form.editor", "form.recall", "form.review", "nav.back")

    def __init__(self, broker_session: BrokerSession, ref: Ref) -> None:
        super().__init__()
        self.broker_session = broker_session
        self.ref = ref
        self.sent: list[str] = []
        self.recalled = 0
        """Which sent message the form was filled with, the newest is 1; 0 for none."""

    def body(self) -> Iterable[Widget]:
        own = traits_of(self.broker_session.kind).publish.fields
        fields = (*(field for field in BROKER_FIELDS if field.key in own), *COMMON_FIELDS)
        names = self._names()
        place = ("publish", self.broker_session.target, self.broker_session.kind, self.ref)
        draft = self.console.sessions.drafts.setdefault(place, {})
        self.form = Form((replace(field, names=names.get(field.key, ())) for field in fields), draft)
        self.text_view = TextView()
        beside = Pane(self.text_view, name="What will happen")
        beside.add_class("beside")
        yield Horizontal(Pane(self.form, name=f"Publish to {self.ref.name}"), beside)

    def crumbs(self) -> tuple[str, ...]:
        return ("Destinations", self.ref.name, "publish")

    def on_mount(self) -> None:
        """The cursor is in the first field."""
        self.text_view.glyphs = self.console.glyphs
        self.form.focus_first()
        back = "your draft is back · " if self.form.draft else ""
        self.prompt_line.set_status(
            f"{back}headers: NAME=VALUE, one a line · → completes a name · ctrl+r shows the plan · esc back"
        )
        self.draw()
        self.run_worker(self._suggest_headers(), group="names", exit_on_error=False)

    def _names(self) -> dict[str, tuple[str, ...]]:
        """What is completed in a field: queues, keys of bodies, keys that were sent before."""
        snapshot = self.broker_session.snapshot
        rows = snapshot.destinations if snapshot is not None else ()
        queues = tuple(row.ref.name for row in rows if row.ref.kind is Kind.QUEUE)
        sent = self.broker_session.sent.get(self.ref, [])
        keys = {name: tuple(dict.fromkeys(values[name] for values in sent if values.get(name))) for name in RECALLED}
        return {**keys, "routing_key": (*keys["routing_key"], *queues), "reply_to": queues, "fernet": known_names()}

    async def _suggest_headers(self) -> None:
        """Complete the names of headers that the newest messages have, where looking is free."""
        session = self.broker_session.session
        names: dict[str, None] = {}
        for values in self.broker_session.sent.get(self.ref, []):
            names |= dict.fromkeys(line.partition("=")[0] for line in values.get("headers", "").splitlines() if line)
        if session is not None and self.ref.kind is not Kind.EXCHANGE:
            with suppress(MqtuiError):
                names |= dict.fromkeys(await find_header_names(session, self.ref))
        if self.form.is_mounted:
            self.form.suggest("headers", names)

    @on(Input.Changed)
    @on(TextArea.Changed)
    def draw(self) -> None:
        """Show what will be sent, and the equivalent command."""
        if not self.form.is_mounted:
            return
        try:
            draft = self.draft()
        except FieldError as error:
            self.text_view.write([[(error.cause.title, "warn")]])
            return
        text: list[StyledLine] = [
            [(f"1 message, {self.message_size(draft):,} B, to {self.ref}", "")],
            *self.mark_json(draft),
        ]
        traits = traits_of(self.broker_session.kind)
        if traits.has_partitions:
            text.append([(self._partition(draft), "muted")])
        text.append([(traits.publish.stored_when, "muted")])
        text += [[], [("as a command", "muted")], [(self.command(draft), "")]]
        if self.sent:
            text += [[], [("sent from here", "muted")], *([(line, "ok")] for line in self.sent[-SENT_SHOWN:])]
        self.text_view.write(text)

    def mark_json(self, draft: MessageDraft) -> list[StyledLine]:
        """Say under the value where its JSON breaks; the lines that mark the place. It can be sent all the same."""
        found = find_json_break(draft.body.decode("utf-8", "replace"))
        words = f"no JSON from line {found.line}, column {found.column} on: {found.reason}" if found else ""
        self.form.show_error("value", words)
        if found is None:
            return []
        return [[(f"  {found.excerpt}", "muted")], [(f"  {' ' * found.offset}▲", "warn"), (f" {words}", "warn")]]

    def message_size(self, draft: MessageDraft) -> int:
        """The bytes of the message as the plan will count them."""
        size, key = encoded_size(draft, self.broker_session.kind, self.ref), self.form.value("idempotency").strip()
        if not key:
            return size
        empty = Outgoing(self.ref)
        return size + publishing.with_idempotency_key(empty, self.broker_session.kind, key).size - empty.size

    def _partition(self, draft: MessageDraft) -> str:
        if draft.partition is not None:
            return f"partition {draft.partition}"
        snapshot = self.broker_session.snapshot
        row = (
            next((row for row in snapshot.destinations if row.ref == self.ref), None) if snapshot is not None else None
        )
        if draft.key is None or row is None or row.partitions is None:
            return "any partition: there is no key"
        return f"partition {partition_for(draft.key.encode(), row.partitions)} (murmur2 of the key, as Java does)"

    def draft(self) -> MessageDraft:
        """The message that the fields describe; a mistake is shown under its field.

        Raises:
            FieldError: a number or a header can't be read.
        """
        held = self.form.values()
        for key in PARSED & held.keys():
            self.form.show_error(key, "")
        try:
            return self._read_draft(held)
        except FieldError as error:
            self.form.show_error(error.key, error.text)
            raise

    def _read_draft(self, held: Mapping[str, str]) -> MessageDraft:
        try:
            headers = tuple(parse_header(line) for line in held["headers"].splitlines() if line.strip())
        except BadInput as error:
            raise FieldError("headers", error) from None
        return MessageDraft(
            held["value"].encode("utf-8", "surrogateescape"),
            held.get("key") or None,
            headers,
            parse_whole_number("Partition", "partition", held),
            held.get("routing_key") or None,
            parse_whole_number("Priority", "priority", held),
            parse_whole_number("TTL", "ttl", held),
            held.get("correlation_id") or None,
            held.get("reply_to") or None,
            held["fernet"].strip(),
        )

    def command(self, draft: MessageDraft) -> str:
        """The equivalent command line."""
        words: list[str] = []
        for name in ("key", "partition", "routing_key", "priority", "ttl", "correlation_id", "reply_to", "fernet"):
            value = getattr(draft, name)
            if value not in (None, ""):
                words += [f"--{name.replace('_', '-')}", str(value)]
        for header, value in draft.headers:
            words += ["-H", f"{header}={value}"]
        if key := self.form.value("idempotency").strip():
            words += ["--idempotency-key", key]
        if len(draft.body) > MAX_ARGUMENT_BYTES:
            return f"{join(command('publish', self.broker_session.address, self.ref, *words, also=('-',)))} < FILE"
        words += ["--value", draft.body.decode("utf-8", "replace")]
        return join(command("publish", self.broker_session.address, self.ref, *words))

    @handles("form.editor")
    def editor(self) -> None:
        """Edit the value in the user's editor."""
        self.run_worker(self._edit(), exclusive=True, group="editor", exit_on_error=False)

    async def _edit(self) -> None:
        text = await edit_text(self.app, self.form.value("value"), ".json")
        if text is None:
            self.prompt_line.flash("set $VISUAL or $EDITOR first")
            return
        self.form.put("value", text)
        self.draw()

    def disabled_reason(self, action: Action) -> str | None:
        if action.id == "form.recall" and not self.broker_session.sent.get(self.ref):
            return f"nothing was sent to {self.ref.name} from here yet"
        return super().disabled_reason(action)

    @handles("form.recall")
    def recall(self) -> None:
        """Fill the form with a message that was sent: the newest, then those before it."""
        sent = self.broker_session.sent[self.ref]
        self.recalled = self.recalled % len(sent) + 1
        for field, text in sent[-self.recalled].items():
            self.form.put(field, text)
        self.prompt_line.flash(f"sent before, {self.recalled} of {len(sent)}: ctrl+r shows its plan", "text")
        self.draw()

    @handles("form.review")
    def review(self) -> None:
        """Show the plan; enter there sends."""
        session = self.broker_session.session
        if session is None:
            self.prompt_line.flash("the broker is not open")
            return
        support = session.policy.permits(Verb.PUBLISH)
        if not support:
            self.prompt_line.flash(f"{support.reason}. {support.hint}")
            return
        try:
            draft = self.draft()
            outgoing = build_message(draft, self.broker_session.kind, self.ref)
        except FieldError as error:
            self.show_error(error.cause)
            return
        except MqtuiError as error:
            self.show_error(error)
            return
        key = self.form.value("idempotency").strip()
        if key:
            outgoing = publishing.with_idempotency_key(outgoing, self.broker_session.kind, key)
        self.run_worker(self._confirm(session, outgoing), exclusive=True, group="plan", exit_on_error=False)

    async def _confirm(self, session: Session, outgoing: Outgoing) -> None:
        """Plan it, and show the plan."""
        facts = message_facts(outgoing, self.broker_session.kind)
        try:
            plan = await publishing.plan_publish(session, [self.ref], exact(1), facts)
        except MqtuiError as error:
            self.show_error(error)
            return

        async def work(consent: Consent) -> StepResult:
            return await self._send(plan, consent, [outgoing])

        self.console.call_later(self.console.go.confirm_plan, self.broker_session, plan, work, self.draw)

    async def _send(self, plan: Plan, consent: Consent, messages: list[Outgoing]) -> StepResult:
        session = self.broker_session.session
        assert session is not None
        done, notes = 0, []
        async for sent in publishing.publish(session, plan, consent, messages):
            for receipt in sent.receipts:
                where = "" if receipt.position is None else f" {receipt.position}"
                if receipt.state is PublishStatus.STORED:
                    done += 1
                    notes.append(f"stored: {self.ref.name}{where}")
                    self.sent.append(f"{self.ref.name}{where}")
                else:
                    notes.append(f"{receipt.state}: {receipt.reason}")
        if done == len(messages):
            values = self.form.values()
            sent_here = self.broker_session.sent.setdefault(self.ref, [])
            sent_here[:] = [*(earlier for earlier in sent_here if earlier != values), values][-MAX_RECALLED:]
            self.recalled = 0
            self.form.draft.clear()
        return StepResult(len(messages), done, tuple(notes))

    @handles("thing.copy")
    def copy_command(self) -> None:
        """Copy the equivalent command."""
        try:
            self.console.copy(self.command(self.draft()), "the command")
        except FieldError as error:
            self.show_error(error.cause)


def parse_whole_number(label: str, key: str, held: Mapping[str, str]) -> int | None:
    """A whole number, or None for an empty field.

    Raises:
        FieldError: it is not a number.
    """
    text = held.get(key, "").strip()
    if not text:
        return None
    if not text.isdecimal():
        raise FieldError(key, BadInput(f"{label} is a whole number"))
    return int(text)
