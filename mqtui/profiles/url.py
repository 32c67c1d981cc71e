"""Broker URLs: parsed into an address, and formatted without the secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

from mqtui.brokers.address import Address
from mqtui.brokers.options import REGISTRY_PREFIX, REGISTRY_URL, YES_NO, OptionKind
from mqtui.brokers.registry import all_traits, traits_of
from mqtui.brokers.traits import UrlPath, UrlScheme
from mqtui.domain.errors import BadInput
from mqtui.domain.resource import BrokerKind, name_bytes, name_text
from mqtui.state.redact import mask

FORMS = tuple(form for traits in all_traits() for form in traits.url.forms)
HINT = "A broker URL is one of: " + "   ".join(FORMS)
ENCODE = "In names and passwords write @ as %40, / as %2F, : as %3A, # as %23, ? as %3F, % as %25."


SCHEMES = {name: scheme for traits in all_traits() for name, scheme in traits.url.schemes.items()}
SHAPE = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+]*)://(?:(?P<login>[^/?#]*)@)?(?P<hosts>[^/?#@]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
LOGIN_APART = {
    "management": ("http://host:15672", "It uses the login of the AMQP URL."),
    REGISTRY_URL: ("http://host:8081", f"Write {REGISTRY_PREFIX}user and {REGISTRY_PREFIX}password."),
}
"""Options that are http URLs: an example of each, and where its login belongs."""

REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<name>[^:\[\]\s,]+))(?::(?P<port>\d{1,5}))?")

OTHER_PORT = re.compile(r"(?P<name>[^:\[\]\s,]+):(?!\d{1,5}$)[^:]*")


def parse_url(url: str) -> tuple[Address, bool]:
    """The address of a URL, and whether the URL has a password.

    Kafka: `path` is "". RabbitMQ: the vhost, "/" where the URL has none. Redis: the database number; Sentinel's service
    is the option `service`. Ports: 9092, 5672, 5671 with TLS, 6379, Sentinel 26379. Options of the query come decoded;
    `tls.verify` is `yes` or `no`.

    Raises:
        BadInput: it is no broker URL. The text of the error has no password.
    """
    shape = SHAPE.fullmatch(url)
    scheme = SCHEMES.get(shape["scheme"].lower()) if shape else None
    if shape is None or scheme is None:
        raise BadInput(
            "That is no broker URL", mask(url), HINT if scheme is None and "://" not in url else f"{HINT}\n{ENCODE}"
        )
    user, colon, secret = (shape["login"] or "").partition(":")
    given = _query(url, shape["query"] or "")
    options: dict[str, str]
    if scheme.variant == "unix":
        hosts, path, options = _socket(url, shape["hosts"], shape["path"] or ""), "0", {}
    else:
        hosts = _hosts(url, shape["hosts"], scheme)
        path, options = _path(url, shape["path"] or "", scheme)
    if traits_of(scheme.kind).url.path is UrlPath.DATABASE and "db" in given:
        path = _database(url, path, given.pop("db"), scheme)
    options |= given
    address = Address(
        kind=scheme.kind,
        hosts=hosts,
        user=_decoded(url, user),
        secret=_decoded(url, secret),
        tls=scheme.tls,
        path=path,
        variant=scheme.variant,
        options=check_options(scheme.kind, options),
    )
    return address, bool(colon and secret)


def format_url(address: Address) -> str:
    """The URL of an address with its options and without its secret; `parse` reads it back.

    A login without a user name is written `:@`, which asks for a secret.
    """
    scheme = next(
        name
        for name, known in SCHEMES.items()
        if (known.kind, known.tls, known.variant) == (address.kind, address.tls, address.variant)
    )
    hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts)
    who = f"{quote(name_bytes(address.user), safe='')}@" if address.user else ":@" if address.secret else ""
    options = dict(address.options)
    if address.variant == "unix":
        hosts = quote(address.hosts[0][0])
        options |= {"db": address.path} if address.path not in ("", "0") else {}
    path, names = "", traits_of(address.kind).url.path
    if address.variant == "sentinel":
        path = f"/{quote(options.pop('service', ''), safe='')}/{address.path}"
    elif names is UrlPath.VHOST and address.path != "/":
        path = f"/{quote(name_bytes(address.path), safe='')}"
    elif names is UrlPath.DATABASE and not address.variant and address.path not in ("", "0"):
        path = f"/{address.path}"
    query = f"?{urlencode(options, safe=':/', quote_via=quote)}" if options else ""
    return f"{scheme}://{who}{hosts}{path}{query}"


def without_secret(url: str) -> str:
    """A URL as it may be shown; it opens the same.

    Raises:
        BadInput: as `parse`.
    """
    return format_url(parse_url(url)[0])


def check_options(kind: BrokerKind, options: Mapping[str, str]) -> dict[str, str]:
    """Options by the adapter's own names. Of a secret one stands only where it is: `env:NAME`.

    Raises:
        BadInput: the adapter has no such option, one is given twice, or one has no such value or holds a secret.
    """
    known = traits_of(kind).options
    found: dict[str, str] = {}
    for name, given in options.items():
        ours, value = known.translate(name, given)
        if ours in found:
            raise BadInput(f"{ours} is given twice", f"Once as {name}.")
        if known.kind_of(ours) is OptionKind.SECRET and not REFERENCE.fullmatch(value):
            raise BadInput(
                f"The option {name} would hold a secret",
                "",
                f"Write {name}=env:NAME, or give it to `mqtui profile add NAME URL -o {ours}=keyring`.",
            )
        if ours in ("tls.verify", f"{REGISTRY_PREFIX}tls.verify"):
            if value.lower() not in YES_NO:
                raise BadInput(f"{ours} is yes or no", mask(value))
            value = YES_NO[value.lower()]
        if ours in LOGIN_APART:
            _check_http_url(ours, value)
        found[ours] = value
    return found


def secret_options(kind: BrokerKind, options: Mapping[str, str]) -> dict[str, str]:
    """The secret ones of checked options, with their sources."""
    known = traits_of(kind).options
    return {name: value for name, value in options.items() if known.kind_of(name) is OptionKind.SECRET}


def _socket(url: str, host: str, path: str) -> tuple[tuple[str, int], ...]:
    if host or len(path) < 2:
        raise BadInput("The URL names no socket", mask(url), "Write unix:///path/of/redis.sock.")
    return ((_decoded(url, path), 0),)


def _database(url: str, path: str, given: str, scheme: UrlScheme) -> str:
    """The database of `?db=`, which other clients prefer to that of the path."""
    number = _number(url, given)
    if path not in ("0", number):
        raise BadInput("The URL names two databases", mask(url), f"Its path says {path}, and db says {number}.")
    if scheme.variant == "cluster" and number != "0":
        raise BadInput("A Redis cluster has database 0 only", mask(url))
    return number


def _hosts(url: str, text: str, scheme: UrlScheme) -> tuple[tuple[str, int], ...]:
    found = []
    for part in text.split(","):
        if (other := OTHER_PORT.fullmatch(part)) is not None:
            raise _no_port(url, other["name"])
        host = HOST.fullmatch(part)
        if host is None:
            raise BadInput("The URL names no host and port", mask(url), f"{HINT}\n{ENCODE}")
        port = int(host["port"] or scheme.port)
        if not 0 < port < 65_536:
            raise _no_port(url, host["v6"] or host["name"])
        found.append((host["v6"] or host["name"], port))
    if len(found) > 1 and not scheme.several:
        raise BadInput("Such a URL names one host", mask(url), HINT)
    return tuple(found)


def _no_port(url: str, host: str) -> BadInput:
    return BadInput(f"The port of {host} is no number from 1 to 65535", mask(url), HINT)


def _path(url: str, text: str, scheme: UrlScheme) -> tuple[str, dict[str, str]]:
    """The path of the address, and what else the URL's path says."""
    inner, traits = text[1:], traits_of(scheme.kind)
    if traits.url.path is UrlPath.VHOST:
        if inner in ("", "/"):
            return "/", {}
        if "/" in inner:
            raise BadInput("A vhost's / is written %2F", mask(url), HINT)
        return _decoded(url, inner), {}
    if scheme.variant == "sentinel":
        service, _, number = inner.rstrip("/").partition("/")
        if not service:
            raise BadInput("Sentinel's URL names the service", mask(url), HINT)
        return _number(url, number), {"service": _decoded(url, service)}
    if traits.url.path is UrlPath.DATABASE:
        number = _number(url, inner.rstrip("/"))
        if scheme.variant == "cluster" and number != "0":
            raise BadInput("A Redis cluster has database 0 only", mask(url))
        return number, {}
    if inner:
        raise BadInput(f"A {traits.title} URL has no path", mask(url), f"Name the topic apart from the URL. {HINT}")
    return "", {}


def _number(url: str, text: str) -> str:
    if text and not (text.isascii() and text.isdigit()):
        raise BadInput("A Redis database is a number", mask(url), HINT)
    return str(int(text or "0"))


def _query(url: str, text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True) if text else []
    except ValueError:
        raise BadInput("The URL's options can't be read", mask(url), "Write ?name=value&name=value.") from None
    if len(dict(pairs)) < len(pairs):
        raise BadInput("The URL gives an option twice", mask(url))
    return dict(pairs)


def _check_http_url(option: str, value: str) -> None:
    """An http URL: a login in it would be a secret in an option."""
    example, hint = LOGIN_APART[option]
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise BadInput(f"{option} is no http URL", mask(value), f"Write {option}={example}")
    if "@" in parts.netloc:
        raise BadInput(f"{option} takes no login", mask(value), hint)


def _decoded(url: str, text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise BadInput("The URL has a % without two hex digits", mask(url), ENCODE)
    return name_text(unquote_to_bytes(text))
