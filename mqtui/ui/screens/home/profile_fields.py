"""A profile as form fields, and form fields as a profile. Pure functions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from mqtui.brokers.options import Option, OptionKind
from mqtui.brokers.registry import all_traits, traits_of
from mqtui.domain.errors import BadInput
from mqtui.domain.policy import Environment
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import PASSWORD, SOURCES, BadProfile, BrokerEndpoint, Profile, valid_source
from mqtui.profiles.url import SCHEMES, check_options, format_url, parse_url
from mqtui.ui.profile_draft import ProfileDraft
from mqtui.ui.widgets.form import Field
from mqtui.ui.widgets.form import FieldError as FieldError

KEYRING = "keyring"
HIDDEN_COMMAND = "command:…"
PLACES = (KEYRING, "env:", "command:")
"""Where a secret may be, as a field begins to say it."""

PASSWORD_PART = re.compile(r"\[:pass\]|:pass(?=@)")
MODES = ("open", "protected", "read-only")
ENVIRONMENTS = tuple(str(each) for each in Environment)


class FormSource(NamedTuple):
    """What a form begins with: a profile that is edited, or a draft of a new one."""

    profile: Profile | None = None
    draft: ProfileDraft | None = None

    def endpoint(self, kind: BrokerKind) -> BrokerEndpoint:
        """The broker of that kind in the profile; an empty one where it has none."""
        known = self.profile.brokers.get(kind) if self.profile else None
        return known or BrokerEndpoint("")


def profile_fields(source: FormSource) -> tuple[Field, ...]:
    """The fields that every profile has."""
    known, draft = source
    urls = [end.url for end in known.brokers.values()] if known else list(draft.urls) if draft else []
    examples = " ".join(traits.url.example for traits in all_traits())
    return (
        Field("name", "Name", known.name if known else draft.name if draft else "", "letters, digits, dots, dashes"),
        Field("urls", "URLs", " ".join(urls), examples),
        Field(
            "environment",
            "Environment",
            str(known.environment) if known else "dev",
            ", ".join(ENVIRONMENTS),
            choices=ENVIRONMENTS,
        ),
        Field("mode", "Mode", mode_of(known), "open, protected or read-only", choices=MODES),
        Field("password", "Password", "", "kept in the keyring, never in a file", secret=True),
        Field(
            "secret_in",
            "Secret in",
            hide_arguments(known.secret) if known else "",
            f"where it is: {SOURCES}",
            choices=PLACES,
        ),
    )


def hide_arguments(source: str) -> str:
    """Where a secret is, without the arguments of a command, which may hold a secret."""
    return HIDDEN_COMMAND if source.startswith("command:") else source


def _restored(shown: str, before: str) -> str:
    """The source that a field was left with."""
    return before if shown == HIDDEN_COMMAND and before.startswith("command:") else shown


def kinds_in(urls: str) -> tuple[BrokerKind, ...]:
    """The kinds of brokers that URLs name by their schemes."""
    schemes = (url.partition("://")[0].lower() for url in urls.split() if "://" in url)
    return tuple(dict.fromkeys(SCHEMES[scheme].kind for scheme in schemes if scheme in SCHEMES))


def url_forms(urls: str) -> str:
    """The shapes of URLs that may become of what is typed last; the password has a field of its own."""
    scheme, _, rest = (urls.split(" ")[-1]).lower().partition("://")
    forms = [form for traits in all_traits() for form in traits.url.forms]
    fitting = [form for form in forms if any(each.startswith(scheme) for each in _schemes_of(form))]
    exact = [form for form in fitting if scheme in _schemes_of(form)] if rest or scheme in SCHEMES else []
    return " · ".join(PASSWORD_PART.sub("", form) for form in exact or fitting or forms)


def _schemes_of(form: str) -> tuple[str, str]:
    """The schemes that a form stands for: `redis[s]://` for redis and rediss."""
    scheme = form.partition("://")[0]
    return scheme.replace("[", "").replace("]", ""), re.sub(r"\[.*?\]", "", scheme)


def option_fields(kinds: Sequence[BrokerKind], source: FormSource) -> tuple[Field, ...]:
    """A field for each option that the adapters offer, by section, and one for all others of each broker."""
    fields: list[Field] = []
    for kind in kinds:
        traits, endpoint = traits_of(kind), source.endpoint(kind)
        for section, options in traits.options.by_section().items():
            fields += [
                Field(
                    option_key(kind, option.name),
                    option.name,
                    endpoint.options.get(option.name, hide_arguments(endpoint.secrets.get(option.name, ""))),
                    f"{option.meaning}; say where it is: {SOURCES}" if _is_secret(option) else option.meaning,
                    choices=PLACES if _is_secret(option) else option.choices,
                    section=f"{traits.title} › {section}",
                )
                for option in options
            ]
        hint = f"name=value, any of its {len(traits.options.options)} options"
        rest = f"{traits.title} › others"
        fields.append(Field(f"{kind}-others", "others", _others(kind, endpoint), hint, section=rest))
    return tuple(fields)


def option_key(kind: BrokerKind, name: str) -> str:
    """The key of an option's field."""
    return f"{kind}-{re.sub(r'[^A-Za-z0-9]', '-', name)}"


def _is_secret(option: Option) -> bool:
    return option.kind is OptionKind.SECRET


def _offered(kind: BrokerKind) -> list[Option]:
    return [option for options in traits_of(kind).options.by_section().values() for option in options]


def _others(kind: BrokerKind, endpoint: BrokerEndpoint) -> str:
    """Options and secret options that have no field of their own, as words."""
    shown = {option.name for option in _offered(kind)} | {PASSWORD}
    given = {**endpoint.options, **{name: hide_arguments(source) for name, source in endpoint.secrets.items()}}
    return shlex.join(f"{name}={value}" for name, value in given.items() if name not in shown)


def read_profile(held: Mapping[str, str], source: FormSource) -> Profile:
    """The profile that the fields describe; what has no field stays as in the profile that is edited.

    Raises:
        FieldError: a field can't be read.
    """
    before = source.profile
    brokers = _read_brokers(held, source)
    try:
        environment = Environment(held["environment"].strip() or "none")
    except ValueError:
        raise FieldError("environment", BadInput(f"Environment: {', '.join(ENVIRONMENTS)}")) from None
    mode = held["mode"].strip()
    if mode not in ("", *MODES):
        raise FieldError("mode", BadInput("Mode: open, protected or read-only"))
    read_only, protected = mode == "read-only", mode == "protected"
    if before is not None and mode == mode_of(before):
        read_only, protected = before.read_only, before.protected
    secret = _restored(held["secret_in"].strip(), before.secret if before else "")
    secret = secret or (KEYRING if held["password"] else "")
    if secret and not valid_source(secret):
        raise FieldError("secret_in", BadInput("It does not say where the secret is", "", f"Write {SOURCES}."))
    try:
        made = Profile(held["name"].strip(), brokers, environment, read_only, protected, secret=secret)
    except BadProfile as error:
        raise FieldError("urls" if error.key.endswith(".url") else "name", error) from None
    return made if before is None else _with_settings_of(before, made)


def _with_settings_of(before: Profile, made: Profile) -> Profile:
    """The profile with the settings that the form does not show."""
    return replace(
        made,
        allow=before.allow,
        deny=before.deny,
        prefix=before.prefix,
        bundle_key=before.bundle_key,
        dead_letters=before.dead_letters,
    )


def _read_brokers(held: Mapping[str, str], source: FormSource) -> dict[BrokerKind, BrokerEndpoint]:
    urls = held["urls"].split()
    if not urls:
        raise FieldError("urls", BadInput("Give a URL", "", "such as " + all_traits()[0].url.example))
    brokers: dict[BrokerKind, BrokerEndpoint] = {}
    for url in urls:
        try:
            address, had_password = parse_url(url)
        except BadInput as error:
            raise FieldError("urls", error) from None
        if had_password:
            refused = BadInput("A URL holds a password", "It would be kept in a file.", "Put it into the field below.")
            raise FieldError("urls", refused)
        options, secrets = _read_options(held, address.kind, source.endpoint(address.kind))
        before = source.endpoint(address.kind).secrets.get(PASSWORD)
        secrets |= {PASSWORD: before} if before else {}
        if source.draft and address.kind in source.draft.passwords:
            secrets[PASSWORD] = KEYRING
        brokers[address.kind] = BrokerEndpoint(format_url(address), options, secrets)
    return brokers


def _read_options(
    held: Mapping[str, str], kind: BrokerKind, before: BrokerEndpoint
) -> tuple[dict[str, str], dict[str, str]]:
    """The options of a broker, and where its secret ones are."""
    known = traits_of(kind).options
    options: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for key, name, value in _typed_options(held, kind):
        try:
            ours, given = known.translate(name, value)
            if known.kind_of(ours) is not OptionKind.SECRET:
                options |= check_options(kind, {ours: given})
                continue
            given = _restored(given, before.secrets.get(ours, ""))
            if not valid_source(given):
                raise BadInput(f"{ours} is secret", "", f"Write where it is: {SOURCES}.")
            secrets[ours] = given
        except BadInput as error:
            raise FieldError(key, error) from None
    return options, secrets


def _typed_options(held: Mapping[str, str], kind: BrokerKind) -> list[tuple[str, str, str]]:
    """Field, name and value of each option that is not empty."""
    fields = [(option_key(kind, option.name), option.name) for option in _offered(kind)]
    typed = [(key, name, text) for key, name in fields if (text := held.get(key, "").strip())]
    others = f"{kind}-others"
    try:
        words = shlex.split(held.get(others, ""))
    except ValueError:
        raise FieldError(others, BadInput("A quote is not closed")) from None
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise FieldError(others, BadInput(f"{name} has no value", "", "Write name=value."))
        typed.append((others, name, value))
    return typed


def mode_of(profile: Profile | None) -> str:
    """The mode of a profile as its field has it."""
    if profile is None:
        return "open"
    return "read-only" if profile.read_only else "protected" if profile.protected else "open"
