"""The form of a profile. The password goes to the keyring, never into a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TypeAlias

from textual import on
from textual.containers import Horizontal
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.widgets import Input

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.errors import BadInput, MqtuiError, NotFound
from mqtui.domain.name_quoting import join
from mqtui.domain.resource import BrokerKind
from mqtui.profiles import secrets
from mqtui.profiles.keyring_store import NoKeyring
from mqtui.profiles.model import PASSWORD, Profile
from mqtui.profiles.resolve import ResolvedTarget
from mqtui.profiles.store import ProfileStore
from mqtui.profiles.url import format_url
from mqtui.services.connection_steps import describe_steps, failed_step
from mqtui.services.session import open_resolved
from mqtui.ui.actions import Action
from mqtui.ui.profile_draft import ProfileDraft
from mqtui.ui.render.home.profiles import from_home
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.screens.home.profile_fields import (
    KEYRING,
    FieldError,
    FormSource,
    kinds_in,
    option_fields,
    option_key,
    profile_fields,
    read_profile,
    url_forms,
)
from mqtui.ui.widgets.form import Form
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.text_view import TextView

Secrets: TypeAlias = Mapping[tuple[BrokerKind, str], str]
"""Values of secret options, by broker and name."""


class ProfileFormScreen(ConsoleScreen):
    """A form for one profile; ctrl+t tests its connections."""

    screen_name = "ProfileForm"

    hint_actions = ("nav.next_pane", "form.test", "form.review", "nav.back")

    def __init__(self, profile: Profile | None = None, draft: ProfileDraft | None = None) -> None:
        super().__init__()
        self.profile, self.draft = profile, draft
        self.tested: list[StyledLine] = []
        self._drafted = False
        """Whether the form began with what was typed earlier."""

        self._source = FormSource(profile, draft)
        self._kinds: tuple[BrokerKind, ...] = ()

    def body(self) -> Iterable[Widget]:
        fields = profile_fields(self._source)
        place = ("profile", self.profile.name if self.profile else "")
        kept = self.console.sessions.drafts.setdefault(place, {}) if self.draft is None else {}
        urls = next(field.value for field in fields if field.key == "urls")
        self._kinds = kinds_in(kept.get("urls", urls))
        self.form = Form((*fields, *option_fields(self._kinds, self._source)), kept)
        self.text_view = TextView()
        beside = Pane(self.text_view, name="What this becomes")
        beside.add_class("beside")
        yield Horizontal(Pane(self.form, name=f"Connection › {self.profile.name if self.profile else 'new'}"), beside)

    def crumbs(self) -> tuple[str, ...]:
        return ("home", self.profile.name if self.profile else "new profile")

    def on_mount(self) -> None:
        """The cursor is in the first field."""
        self.text_view.glyphs = self.console.glyphs
        self.form.focus_first()
        self._drafted = bool(self.form.draft)
        self._explain_field()
        self.draw()

    @on(DescendantFocus)
    def _explain_field(self) -> None:
        """Say what the field is for: its placeholder may be cut, or covered by the value."""
        field = self.form.field_of(self.focused) if self.focused else None
        if field is None:
            return
        if field is self.form.fields[0]:
            left_out = f"left out: {', '.join(self.draft.left_out)} · " if self.draft and self.draft.left_out else ""
            before = "your draft is back · " if self._drafted else left_out
            self.prompt_line.set_status_quietly(f"{before}ctrl+t tests, ctrl+r saves · esc back, nothing is saved")
            return
        hint = url_forms(self.form.value("urls")) if field.key == "urls" else field.hint
        choices = "↑ ↓ choose · " if field.choices else ""
        self.prompt_line.set_status_quietly(f"{field.label}: {choices}{hint}")

    @on(Input.Changed)
    async def _changed(self) -> None:
        """Show the options of the brokers that the URLs name."""
        if not self.form.is_mounted:
            return
        kinds = kinds_in(self.form.value("urls"))
        self._explain_field()
        if kinds != self._kinds:
            self._kinds = kinds
            count = len(profile_fields(self._source))
            await self.form.replace_fields(count, option_fields(kinds, self._source))
        self.draw()

    def draw(self) -> None:
        """Show the equivalent command, and the outcome of the test."""
        if not self.form.is_mounted:
            return
        held = self.form.values()
        name, is_kept = held["name"] or "?", held["secret_in"].strip() in ("", KEYRING)
        text: list[StyledLine] = [[(f"[[profile]] {name} in {from_home(ProfileStore().path)}", "")], []]
        for url in held["urls"].split():
            words = f"mqtui profile add {name} {url} --environment {held['environment'] or 'none'}"
            words += f" --{held['mode']}" if held["mode"] in ("protected", "read-only") else ""
            for kind in kinds_in(url):
                for field in self.form.fields:
                    if field.section and field.key.startswith(f"{kind}-") and (value := held.get(field.key)):
                        given = value if field.label == "others" else join([f"{field.label}={value}"])
                        words += f" -o {given}"
            words += f" -o {join([f'secret={place}'])}" if (place := held["secret_in"].strip()) else ""
            text.append(
                [
                    (
                        words
                        + (" --password-stdin" if held["password"] and held["secret_in"] in ("", KEYRING) else ""),
                        "muted",
                    )
                ]
            )
        is_kept = held["secret_in"].strip() in ("", KEYRING)
        if held["password"] and not is_kept:
            text += [[], [("the password is for the test only: the secret is read where the field says", "muted")]]
        if self.draft is not None and self.draft.left_out:
            text += [[], [(f"left out, as it has no use here: {', '.join(self.draft.left_out)}", "muted")]]
        if self.draft is not None and self.draft.passwords:
            kinds = ", ".join(self.draft.passwords)
            text += [[], [(f"the password of {kinds} was in the URL: ctrl+r keeps it in the keyring", "muted")]]
        self.text_view.write([*text, [], *self.tested])

    def build_profile(self) -> Profile:
        """The profile the fields describe.

        Raises:
            BadInput: a field is wrong; the error is shown under it.
        """
        self.form.clear_errors()
        try:
            return read_profile(self.form.values(), self._source)
        except FieldError as error:
            self.form.show_error(error.key, error.text)
            raise error.cause from None

    def action_title(self, action: Action) -> str:
        return "save" if action.id == "form.review" else super().action_title(action)

    @handles("form.review")
    def save(self) -> None:
        self.run_worker(self._save(), exclusive=True, group="save", exit_on_error=False)

    async def _save(self) -> None:
        try:
            made = self.build_profile()
            options = await self._ask_options(made)
            if options is None:
                self.prompt_line.flash("nothing was saved", "text")
                return
            await run_in_thread("keyring", partial(self._keep, made, self.form.value("password"), options))
        except NoKeyring as error:
            self._offer_variables(made)
            self.show_error(error)
            return
        except MqtuiError as error:
            self.show_error(error)
            return
        self.form.draft.clear()
        self.console.call_later(self.console.back)

    async def _ask_options(self, made: Profile) -> Secrets | None:
        """Ask for the secret options that the keyring should have and lacks; None where that was cancelled.

        Raises:
            NoKeyring: it can't be asked.
        """
        known = replace(made, name=self.profile.name) if self.profile else made
        found: dict[tuple[BrokerKind, str], str] = {}
        for kind, name in await run_in_thread("keyring", partial(secrets.missing_options, known)):
            entered = await self.prompt_line.ask(f"{kind} {name}", beside="for the keyring · esc: not now", hidden=True)
            if not entered:
                return None
            found[kind, name] = entered
        return found

    def _offer_variables(self, made: Profile) -> None:
        """Without a keyring the way that works is a variable of the environment: fill it in, to be saved or not."""
        wanted = {"secret_in": secrets.variable_of(made.name)} if made.secret == KEYRING else {}
        for kind, endpoint in made.brokers.items():
            wanted |= {
                option_key(kind, name): secrets.variable_of_option(made.name, kind, name)
                for name, source in endpoint.secrets.items()
                if source == KEYRING and name != PASSWORD
            }
        for key, variable in wanted.items():
            if any(field.key == key for field in self.form.fields):
                self.form.put(key, f"env:{variable}")
                self.form.show_error(key, f"No keyring here. ctrl+r saves it so; set {variable} where mqtui starts.")

    def _keep(self, made: Profile, password: str, options: Secrets) -> None:
        for (kind, name), secret in options.items():
            secrets.store_option(made.name, kind, name, secret)
        if password and made.secret == KEYRING:
            secrets.store_secret(made.name, password)
        for kind, secret in (self.draft.passwords if self.draft else {}).items():
            if kind in made.brokers:
                secrets.store_secret(made.name, secret, kind)
        store = ProfileStore()
        if self.profile is not None:
            if made.name == self.profile.name:
                store.replace(made)
                return
            if secrets.uses_keyring(self.profile):
                secrets.copy_secrets(self.profile, made.name)
            store.add(made)
            store.remove(self.profile.name)
            return
        try:
            store.find(made.name)
        except NotFound:
            store.add(made)
        else:
            raise BadInput(f"There is a profile {made.name} already", "", "E on it edits it.")

    def _resolve(self, made: Profile, kind: BrokerKind, password: str) -> ResolvedTarget:
        """The profile with its secrets: the typed password, else that of the draft, else what is kept."""
        known = replace(made, name=self.profile.name) if self.profile else made
        drafted = self.draft.passwords.get(kind, "") if self.draft else ""
        secret = password or drafted or secrets.secret_of(known, kind)
        address = made.address(kind, secret, secrets.secrets_of(known, kind))
        return ResolvedTarget(None, made.policy(), (address,), format_url(address))

    @handles("form.test")
    def test(self) -> None:
        """Connect to each broker, and show its version or the step that failed."""
        self.run_worker(self._test(), exclusive=True, group="test", exit_on_error=False)

    async def _test(self) -> None:
        try:
            made = self.build_profile()
        except MqtuiError as error:
            self.show_error(error)
            return
        password = self.form.value("password")
        self.tested = [[("testing …", "live")]]
        self.draw()
        found: list[StyledLine] = []
        for kind in made.brokers:
            found += await self._test_broker(made, kind, password)
        if self.is_attached:
            self.tested = found
            self.draw()
            self._summarise_test(found)

    def _summarise_test(self, found: list[StyledLine]) -> None:
        """The outcome on the prompt line: on narrow screens there is nothing beside the form."""
        words = [text for line in found for text, tone in line if tone in ("ok", "danger")]
        failed = any(tone == "danger" for line in found for _, tone in line)
        self.prompt_line.set_status("  ".join(words), "danger" if failed else "ok")

    async def _test_broker(self, made: Profile, kind: BrokerKind, password: str) -> list[StyledLine]:
        began, address = perf_counter(), None
        try:
            resolved = await run_in_thread("secret", partial(self._resolve, made, kind, password))
            (address,) = resolved.addresses
            async with open_resolved(resolved) as session:
                cluster = await session.broker.catalog.describe_cluster()
        except MqtuiError as error:
            steps = describe_steps(address, await failed_step(error, address)) if address else ""
            lines: list[StyledLine] = [[(f"✗ {kind} {error.title}", "danger")]]
            lines += [[(f"  {steps}", "danger")]] if steps else []
            return lines + [[(f"  {part}", "muted")] for part in (error.detail, error.hint) if part]
        return [[(f"✓ {kind} {cluster.version}, {(perf_counter() - began) * 1000:.0f} ms", "ok")]]
