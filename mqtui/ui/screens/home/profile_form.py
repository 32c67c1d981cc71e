"""The form of a profile. The password goes to the keyring, never into a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.errors import BadInput, MqtuiError, NotFound
from mqtui.domain.policy import Environment
from mqtui.domain.resource import BrokerKind
from mqtui.profiles import secrets
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.resolve import ResolvedTarget
from mqtui.profiles.store import ProfileStore
from mqtui.profiles.url import format_url, parse_url
from mqtui.services.session import open_resolved
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.widgets.form import Field, Form
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.text_view import TextView


class ProfileFormScreen(ConsoleScreen):
    """A form for one profile; ctrl+t tests its connections."""

    screen_name = "ProfileForm"

    hint_actions = ("nav.next_pane", "form.test", "form.review", "nav.back")

    def __init__(self, profile: Profile | None = None) -> None:
        super().__init__()
        self.profile = profile
        self.tested: list[StyledLine] = []

    def body(self) -> Iterable[Widget]:
        known = self.profile
        urls = " ".join(end.url for end in known.brokers.values()) if known else ""
        self.form = Form(
            (
                Field("name", "Name", known.name if known else "", "letters, digits, dots, dashes"),
                Field("urls", "URLs", urls, "kafka://host:9092 amqps://user@host/vhost redis://host:6379/0"),
                Field(
                    "environment", "Environment", str(known.environment) if known else "dev", "dev, stage, prod, none"
                ),
                Field("mode", "Mode", _mode(known), "open, protected or read-only"),
                Field("password", "Password", "", "kept in the keyring", secret=True),
            )
        )
        self.text_view = TextView()
        beside = Pane(self.text_view, name="What this becomes")
        beside.add_class("beside")
        yield Horizontal(Pane(self.form, name=f"Connection › {known.name if known else 'new'}"), beside)

    def crumbs(self) -> tuple[str, ...]:
        return ("home", self.profile.name if self.profile else "new profile")

    def on_mount(self) -> None:
        """The cursor is in the first field."""
        self.text_view.glyphs = self.console.glyphs
        self.form.focus_first()
        self.prompt_line.set_status("ctrl+t tests, ctrl+r saves · esc back, nothing is saved")
        self.draw()

    @on(Input.Changed)
    def draw(self) -> None:
        """Show the equivalent command, and the outcome of the test."""
        if not self.form.is_mounted:
            return
        held = self.form.values()
        text: list[StyledLine] = [[(f"[[profile]] {held['name'] or '?'} in {from_home(ProfileStore().path)}", "")], []]
        for url in held["urls"].split():
            words = f"mqtui profile add {held['name'] or '?'} {url} --environment {held['environment'] or 'none'}"
            words += f" --{held['mode']}" if held["mode"] in ("protected", "read-only") else ""
            text.append([(words + (" --password-stdin" if held["password"] else ""), "muted")])
        self.text_view.write([*text, [], *self.tested])

    def build_profile(self) -> Profile:
        """The profile the fields describe.

        Raises:
            BadInput: a field is wrong; the error is shown under it.
        """
        held = self.form.values()
        self.form.clear_errors()
        brokers = {}
        try:
            if not held["urls"].split():
                raise BadInput("Give a URL", "", "kafka://host:9092, amqp://user@host/vhost or redis://host:6379/0")
            for url in held["urls"].split():
                address, had_password = parse_url(url)
                if had_password:
                    raise BadInput(
                        "A URL holds a password", "It would be kept in a file.", "Put it into the field below."
                    )
                before = self.profile.brokers.get(address.kind) if self.profile else None
                kept = before or BrokerEndpoint("")
                brokers[address.kind] = BrokerEndpoint(format_url(address), kept.options, kept.secrets)
        except BadInput as error:
            self.form.show_error("urls", " ".join(part for part in (error.title, error.hint) if part))
            raise
        try:
            environment = Environment(held["environment"].strip() or "none")
        except ValueError:
            self.form.show_error("environment", "dev, stage, prod or none")
            raise BadInput("Environment: dev, stage, prod or none") from None
        mode = held["mode"].strip()
        if mode not in ("", "open", "protected", "read-only"):
            self.form.show_error("mode", "open, protected or read-only")
            raise BadInput("Mode: open, protected or read-only")
        secret = "keyring" if held["password"] else self.profile.secret if self.profile else ""
        read_only, protected = mode == "read-only", mode == "protected"
        if self.profile is not None and mode == _mode(self.profile):
            read_only, protected = self.profile.read_only, self.profile.protected
        try:
            return Profile(held["name"].strip(), brokers, environment, read_only, protected, secret=secret)
        except BadInput as error:
            self.form.show_error("name", error.title)
            raise

    @handles("form.review")
    def save(self) -> None:
        self.run_worker(self._save(), exclusive=True, group="save", exit_on_error=False)

    async def _save(self) -> None:
        try:
            made = self.build_profile()
            await run_in_thread("keyring", partial(self._keep, made, self.form.value("password")))
        except MqtuiError as error:
            self.show_error(error)
            return
        self.console.call_later(self.console.back)

    def _keep(self, made: Profile, password: str) -> None:
        if password:
            secrets.store_secret(made.name, password)
        store = ProfileStore()
        if self.profile is not None:
            kept = replace(
                made,
                allow=self.profile.allow,
                deny=self.profile.deny,
                prefix=self.profile.prefix,
                bundle_key=self.profile.bundle_key,
                dead_letters=self.profile.dead_letters,
            )
            if made.name == self.profile.name:
                store.replace(kept)
                return
            if secrets.uses_keyring(self.profile):
                secrets.copy_secrets(self.profile, kept.name)
            store.add(kept)
            store.remove(self.profile.name)
            return
        try:
            store.find(made.name)
        except NotFound:
            store.add(made)
        else:
            raise BadInput(f"There is a profile {made.name} already", "", "E on it edits it.")

    def _resolve(self, made: Profile, kind: BrokerKind, password: str) -> ResolvedTarget:
        """The profile with its secrets: the typed password, else what the keyring has under the old name."""
        known = replace(made, name=self.profile.name) if self.profile else made
        secret = password or secrets.secret_of(known, kind)
        address = made.address(kind, secret, secrets.secrets_of(known, kind))
        return ResolvedTarget(None, made.policy(), (address,), format_url(address))

    @handles("form.test")
    def test(self) -> None:
        """Connect to each broker, and show its version or the error."""
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
            began = perf_counter()
            try:
                resolved = await run_in_thread("secret", partial(self._resolve, made, kind, password))
                async with open_resolved(resolved) as session:
                    cluster = await session.broker.catalog.describe_cluster()
                took = (perf_counter() - began) * 1000
                found.append([(f"✓ {kind} {cluster.version}, {took:.0f} ms", "ok")])
            except MqtuiError as error:
                found.append([(f"✗ {kind} {error.title}", "danger")])
                found += [[(f"  {part}", "muted")] for part in (error.detail, error.hint) if part]
        if self.is_attached:
            self.tested = found
            self.draw()


def from_home(path: Path) -> str:
    """A path with `~` for the home folder."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _mode(profile: Profile | None) -> str:
    if profile is None:
        return "open"
    return "read-only" if profile.read_only else "protected" if profile.protected else "open"
