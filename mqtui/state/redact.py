"""What may be shown of URLs and command lines: too much is hidden rather than too little."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mqtui.domain.name_quoting import quote

SETTING = "-o"
SHORT = ("-H", "-k")
HIDDEN = frozenset({*SHORT, "--header", "--key", "--value"})
SHOWN = frozenset(
    """
    db heartbeat management reconnect-ms reply-ms sasl.mechanism scan-keys sentinel-login service timeout-ms
    tls.ca tls.cert tls.key tls.server-name tls.verify wait-ms wait-replicas
    """.split()
)
"""Options of brokers whose values are known to be harmless; of all others only the name is shown."""

QUERY = re.compile(r"(?P<name>(?<=[?&])[\w.-]+)=(?P<value>[^&\s'\"]*)")
SOURCE = re.compile(r"env:\w+|keyring")
SECRET = re.compile(r"(?i)((?:passw|secret|token|credential|jaas)[^=&?\s]*=)(?!env:\w+)[^&\s]*")
LOGIN = re.compile(r"(://[^:/?#@\s]*):.*@", re.DOTALL)
MISTYPED = re.compile(r"((?:[A-Za-z][\w+.-]*:?/{1,3})?[^\s:/@'\"(]*):(?!//[^:@]*@)(?=\S).*@")
"""A login that no `://` stands before: `redis:/u:secret@h`, `redis//u:secret@h`, `u:secret@h`."""

AFTER_COLON = re.compile(r":(?![\d/\s…]).*", re.DOTALL)
NO_PORT = re.compile(r"(://[^/?#@]*?):(?!\d+(?:[,/?#]|$))[^/?#@]*(?=[/?#]|$)")


def mask(text: str) -> str:
    """A text with `…` for the passwords of URLs, also of malformed ones.

    What stands where a port should and is no number may be a password, and goes too.
    """
    text = QUERY.sub(lambda found: f"{found['name']}={_value(found['name'], found['value'])}", text)
    return SECRET.sub(r"\1…", NO_PORT.sub(r"\1:…", MISTYPED.sub(r"\1:…@", LOGIN.sub(r"\1:…@", text))))


def mask_target(text: str) -> str:
    """What was typed as a target and is none: also what stands behind a colon and is no port may be a password."""
    return AFTER_COLON.sub(":…", mask(text))


def _value(option: str, value: str) -> str:
    """What may be shown of an option's value; the rest of a URL is masked apart."""
    return value if option in SHOWN or SOURCE.fullmatch(value) else "…"


def _setting(text: str) -> str:
    """What may be shown of `OPTION=VALUE`."""
    name, equals, value = text.partition("=")
    return f"{name}={_value(name, value)}" if equals else "…"


def redact_command(argv: Sequence[str]) -> str:
    """A command line for the audit: without passwords in URLs and options, and without what is in messages.

    Of `-H`, `-k`, `--header`, `--key` and `--value` only the name stays; of `-o` what is known to be harmless.
    """
    shown: list[str] = []
    hide = setting = False
    for place, word in enumerate(argv):
        name, equals, _ = word.partition("=")
        if hide:
            shown.append("…")
            hide = False
        elif setting:
            shown.append(quote(mask(_setting(word))))
            setting = False
        elif word == SETTING:
            shown.append(word)
            setting = True
        elif word.startswith(SETTING):
            shown.append(quote(SETTING + mask(_setting(word.removeprefix(SETTING)))))
        elif place == 0:
            shown.append(quote(Path(word).name))
        elif word in HIDDEN:
            shown.append(word)
            hide = True
        elif equals and name in HIDDEN:
            shown.append(f"{name}=…")
        elif word.startswith(SHORT):
            shown.append(f"{word[:2]}…")
        else:
            shown.append(quote(mask(word)))
    return " ".join(shown)
