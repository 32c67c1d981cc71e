"""Removes secrets from URLs and command lines; rather too much than too little."""

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
    db heartbeat management reconnect-ms reply-ms sasl.mechanism scan-keys schema.registry schema.registry.tls.ca
    schema.registry.tls.cert schema.registry.tls.key schema.registry.tls.server-name schema.registry.tls.verify
    schema.registry.user sentinel-login service timeout-ms tls.ca tls.cert tls.key tls.server-name tls.verify wait-ms
    wait-replicas
    """.split()
)
"""Broker options whose values are shown; of all others only the name is."""

QUERY = re.compile(r"(?P<name>(?<=[?&])[\w.-]+)=(?P<value>[^&\s'\"]*)")
SOURCE = re.compile(r"env:\w+|keyring")
SECRET = re.compile(r"(?i)((?:passw|secret|token|credential|jaas)[^=&?\s]*=)(?!env:\w+)[^&\s]*")
LOGIN = re.compile(r"(://[^:/?#@\s]*):.*@", re.DOTALL)
MISTYPED = re.compile(
    r"""
    ( (?<![\w+.-]) (?: [A-Za-z][\w+.-]*:? | [\w+.-]+ ) /{1,3} [^\s:/@'"(]*
    | (?<![^\s:/@'"(]) [^\s:/@'"(]*
    ) : (?!//[^:@]*@) (?=\S) .*@
    """,
    re.VERBOSE,
)
"""A login without `://` before it: `redis:/u:secret@h`, `redis//u:secret@h`, `u:secret@h`.

It is looked for where a word begins, since at each of its characters it would take seconds in a word of 20,000.
"""

AFTER_COLON = re.compile(r":(?![\d/\s…]).*", re.DOTALL)
NO_PORT = re.compile(r"(://[^/?#@\s]*?):(?!\d+(?:[,/?#\s'\")]|$))[^/?#@]*(?=[/?#]|$)")


def mask(text: str) -> str:
    """The text with `…` for the passwords of URLs, also of malformed ones.

    Text in the place of a port that is no number may be a password, and is masked too.
    """
    text = QUERY.sub(lambda found: f"{found['name']}={_value(found['name'], found['value'])}", text)
    return SECRET.sub(r"\1…", NO_PORT.sub(r"\1:…", MISTYPED.sub(r"\1:…@", LOGIN.sub(r"\1:…@", text))))


def mask_target(text: str) -> str:
    """Mask a typed target that is none: text behind a colon that is no port may be a password too."""
    return AFTER_COLON.sub(":…", mask(text))


def _value(option: str, value: str) -> str:
    """The value of an option, or `…`."""
    return value if option in SHOWN or SOURCE.fullmatch(value) else "…"


def _setting(text: str) -> str:
    """`OPTION=VALUE`, with `…` for the value where it may be a secret."""
    name, equals, value = text.partition("=")
    return f"{name}={_value(name, value)}" if equals else "…"


def redact_command(argv: Sequence[str]) -> str:
    """A command line for the audit log: without passwords, and without contents of messages.

    `-H`, `-k`, `--header`, `--key` and `--value` lose their values; `-o` keeps those of harmless options.
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
