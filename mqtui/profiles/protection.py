"""The policies of all profiles that point at the broker of an address: protection belongs to the broker (C17)."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from threading import Thread

from mqtui.brokers.address import Address
from mqtui.domain.errors import BadInput
from mqtui.domain.policy import Policy
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import Profile
from mqtui.profiles.store import ProfileStore
from mqtui.state.broker_identities import BrokerIdentities

LOOKUP_SECONDS = 1.0
"""The most that all host look-ups may take together; a name that is unknown by then is compared as text."""

HERE = "this machine"
LOOPBACK = frozenset(("127.0.0.1", "::1", "0.0.0.0", "::"))  # noqa: S104 - compared, not listened on


def policies_at(address: Address) -> Sequence[Policy]:
    """The policies of the restricting profiles that point at this address. It may block for a second.

    Where the profiles can't be parsed, a policy that refuses all writes.

    Raises:
        StorageFailed: profiles.toml can't be read.
    """
    try:
        found = restricting_profiles(address.kind)
    except BadInput as error:
        return (refuse_all(error),)
    places = [(profile.policy(), profile.address(address.kind)) for profile in found]
    places = [(policy, place) for policy, place in places if may_be_same(place, address)]
    if not places:
        return ()
    known = resolve_hosts(host for place in (address, *(place for _, place in places)) for host, _ in place.hosts)
    ours = _host_ports(address, known)
    return [policy for policy, place in places if ours & _host_ports(place, known)]


def _host_ports(address: Address, known: Mapping[str, frozenset[str]]) -> frozenset[tuple[str, int]]:
    return frozenset((name, port) for host, port in address.hosts for name in known[host])


def policies_of_identity(kind: BrokerKind, identity: str) -> Sequence[Policy]:
    """The policies of the restricting profiles whose broker had this identity before.

    Raises:
        StorageFailed: the stored identities can't be read.
        BadInput: as `profiles.store.ProfileStore.list_profiles`.
    """
    names = BrokerIdentities().profiles_of(kind, identity) if identity else frozenset[str]()
    return [profile.policy() for profile in restricting_profiles(kind) if profile.name in names]


def refuse_all(error: BadInput) -> Policy:
    """The policy of every broker while profiles.toml is invalid: nothing may be written."""
    return Policy("", unknown=error.title)


def restricting_profiles(kind: BrokerKind) -> Sequence[Profile]:
    """The profiles of a kind that forbid something, or whose name has to be typed."""
    return [
        profile for profile in ProfileStore().list_profiles() if kind in profile.brokers and profile.policy().restricts
    ]


def may_be_same(one: Address, other: Address) -> bool:
    """Whether two addresses may be of one broker, before host names are looked up.

    With a sentinel the service counts, in a cluster each node.
    """
    if one.kind is not other.kind or one.path != other.path or _service(one) != _service(other):
        return False
    return bool({port for _, port in one.hosts} & {port for _, port in other.hosts})


def _service(address: Address) -> str | None:
    return address.options.get("service", "") if address.variant == "sentinel" else None


def resolve_hosts(hosts: Iterable[str]) -> dict[str, frozenset[str]]:
    """The names of each host: its own, and the IP addresses that it resolves to; `HERE` for those of this machine."""
    asked: dict[str, Future[frozenset[str]]] = {}
    for host in dict.fromkeys(hosts):
        asked[host] = Future()
        Thread(target=_look_up, args=(host, asked[host]), name=f"look up {host}", daemon=True).start()
    wait(asked.values(), LOOKUP_SECONDS)
    return {
        host: frozenset((_normalize_name(host),)) | (answer.result() if answer.done() else frozenset())
        for host, answer in asked.items()
    }


def _normalize_name(host: str) -> str:
    """A host name for comparison: in lower case, without the final dot."""
    name = host.lower().rstrip(".")
    return HERE if name == "localhost" else name


def _look_up(host: str, answer: Future[frozenset[str]]) -> None:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        answer.set_result(frozenset(_normalize_ip(str(row[4][0]).partition("%")[0]) for row in rows))
    except (OSError, UnicodeError):
        answer.set_result(frozenset())


def _normalize_ip(number: str) -> str:
    """An IP address, or `HERE`. Other addresses of 127.0.0.0/8 may be tunnels, and stay as they are."""
    address = ipaddress.ip_address(number)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if str(address) in LOOPBACK:
        return HERE
    if address.is_loopback:
        return str(address)
    return HERE if _is_own(address) else str(address)


def _is_own(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it is an address of this machine, so that a socket can be bound to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
