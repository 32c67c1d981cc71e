"""The schema registry of a broker: opened by its options, and its schemas fetched off the event loop."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial

from mqtui.brokers import tls
from mqtui.brokers.address import Address
from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.options import REGISTRY_PREFIX, REGISTRY_URL
from mqtui.codecs.schema_source import SchemaSource
from mqtui.domain.errors import BadInput
from mqtui.domain.schema import IdKind, Schema, SchemaKind, SchemaRef
from mqtui.schemas.disk_cache import SchemaCache
from mqtui.schemas.registry_client import RegistryAddress, RegistryClient
from mqtui.schemas.registry_source import RegistrySchemas
from mqtui.state.paths import cache_dir

LIBRARIES = {
    SchemaKind.AVRO: ("mqtui.codecs.avro", "fastavro"),
    SchemaKind.PROTOBUF: ("mqtui.codecs.protobuf", "google.protobuf.message_factory"),
    SchemaKind.JSON: ("mqtui.codecs.json_schema", "jsonschema"),
}


@dataclass(frozen=True, slots=True)
class FilesAndRegistry:
    """Schemas of files, and those of a registry by their ids. Implements `codecs.schema_source.SchemaSource`."""

    files: SchemaSource
    registry: RegistrySchemas

    def find(self, ref: SchemaRef) -> Schema:
        """The schema of a file or an id.

        Raises:
            SchemaNotFound: it can't be had, with the reason.
        """
        return (self.files if ref.kind is IdKind.FILE else self.registry).find(ref)


def names_registry(address: Address) -> str:
    """The URL of the registry that an address names; "" for none."""
    return address.settings.get(REGISTRY_URL, "")


def open_registry(address: Address) -> RegistrySchemas:
    """The registry that an address names. Nothing is sent. It may block: folders are made.

    Raises:
        BadInput: the address names none, or its TLS options don't go together.
        StorageFailed: the cache folder belongs to somebody else.
    """
    found = open_client(address)
    if found is None:
        raise BadInput("No schema registry is named")
    return RegistrySchemas(found, SchemaCache(cache_dir() / "schemas", found.url))


def open_client(address: Address) -> RegistryClient | None:
    """A client of the registry that an address names; None where it names none. Nothing is sent.

    Raises:
        BadInput: its TLS options don't go together.
    """
    given, url = address.settings, names_registry(address)
    if not url:
        return None
    own = {
        name.removeprefix(REGISTRY_PREFIX): value for name, value in given.items() if name.startswith(REGISTRY_PREFIX)
    }
    token = own.get("token", "")
    if not (token.isascii() and token.isprintable()):
        raise BadInput(f"{REGISTRY_PREFIX}token has characters that no HTTP header takes")
    context = tls.from_options(own).context if url.lower().startswith("https:") else None
    return RegistryClient(RegistryAddress(url, own.get("user", ""), own.get("password", ""), token, context))


async def fetch_schemas(registry: RegistrySchemas) -> None:
    """Fetch what bodies asked for, and load the libraries that read it, off the event loop."""
    await run_in_thread("schemas", partial(_fetch, registry))


def _fetch(registry: RegistrySchemas) -> None:
    registry.fetch_wanted()
    for kind in registry.kinds:
        for module in LIBRARIES[kind]:
            importlib.import_module(module)
