"""Connections in the files of other Kafka clients: kcat's, and the properties files of Kafka's own tools."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, urlencode

from mqtui.brokers.kafka.declared_options import DECLARED
from mqtui.brokers.options import OptionKind
from mqtui.brokers.traits import ImportedUrl
from mqtui.domain.errors import BadInput

SETTING = re.compile(r"\s*([^\s=:]+)\s*[=:]\s*(.*)")
JAAS = re.compile(r"""(username|password)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s;]+)""")
SERVERS = ("bootstrap.servers", "metadata.broker.list")
OUR_NAMES = {
    "sasl.mechanisms": "sasl.mechanism",
    "ssl.ca.location": "tls.ca",
    "ssl.certificate.location": "tls.cert",
    "ssl.key.location": "tls.key",
    "ssl.truststore.location": "tls.ca",
}
MAX_CHARACTERS = 100_000


def find() -> list[Path]:
    """Kcat's file, and `client.properties` of this folder."""
    kcat = os.environ.get("KCAT_CONFIG") or Path.home() / ".config" / "kcat.conf"
    return [path for path in (Path(kcat), Path("client.properties")) if path.is_file()]


def read(path: Path) -> ImportedUrl:
    """The URL that the settings of a file amount to.

    Raises:
        BadInput: it names no broker.
        OSError: it can't be read.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        given = _settings(file.read(MAX_CHARACTERS))
    servers = next((given[name] for name in SERVERS if given.get(name)), "")
    if not servers:
        raise BadInput(f"{path} names no broker", "It has no bootstrap.servers.", "Paste a URL instead.")
    tls = given.pop("security.protocol", "").upper().endswith("SSL")
    user, password = _login(given)
    options, left_out = _options(given, tls=tls)
    hosts = ",".join(each.strip().rpartition("://")[2] for each in servers.split(","))
    secret = f":{quote(password, safe='')}" if password else ""
    who = f"{quote(user, safe='')}{secret}@" if user else ""
    query = f"?{urlencode(options)}" if options else ""
    return ImportedUrl(f"kafka{'+ssl' if tls else ''}://{who}{hosts}{query}", left_out)


def _settings(text: str) -> dict[str, str]:
    """The settings of a file: `name=value` lines, which a backslash at their end continues."""
    lines = (line for line in re.sub(r"\\\r?\n\s*", "", text).splitlines() if line.strip()[:1] not in ("", "#", "!"))
    return {found[1]: found[2].strip() for line in lines if (found := SETTING.fullmatch(line))}


def _login(given: dict[str, str]) -> tuple[str, str]:
    """User and password, as librdkafka or as Java has them."""
    jaas = {name: text.strip("\"'") for name, text in JAAS.findall(given.pop("sasl.jaas.config", ""))}
    user = given.pop("sasl.username", "") or jaas.get("username", "")
    return user, given.pop("sasl.password", "") or jaas.get("password", "")


def _options(given: dict[str, str], *, tls: bool) -> tuple[dict[str, str], tuple[str, ...]]:
    """Options by our names, and the settings that are none here: secrets too, which have a field of their own."""
    options: dict[str, str] = {}
    left_out: list[str] = []
    for name, value in given.items():
        if name in SERVERS or not value:
            continue
        try:
            ours, converted = DECLARED.translate(OUR_NAMES.get(name, name), value)
        except BadInput:
            left_out.append(name)
            continue
        is_pem = name != "ssl.truststore.location" or given.get("ssl.truststore.type", "").upper() == "PEM"
        usable = is_pem and (tls or not ours.startswith(("tls.", "ssl.")))
        if DECLARED.kind_of(ours) is OptionKind.SECRET or not usable:
            left_out.append(name)
        else:
            options[ours] = converted
    return options, tuple(left_out)
