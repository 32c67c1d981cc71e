"""The schemas of a registry as a source for the codecs: fetched between two attempts to decode, then at hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from mqtui.domain.errors import MqtuiError, NotFound
from mqtui.domain.schema import IdKind, RegisteredSchema, Schema, SchemaKind, SchemaNotFound, SchemaRef, SchemaReference
from mqtui.schemas.disk_cache import SchemaCache
from mqtui.schemas.references import join_references
from mqtui.schemas.registry_client import RegistryClient, describe
from mqtui.schemas.registry_errors import too_slow

RETRY_SECONDS = 30.0
"""How long a registry that failed, or an id that it did not have, is not asked for again."""

MAX_AT_ONCE = 50
"""Schemas that are fetched in one go."""

MAX_MISSING = 100
"""Ids in a row that a registry does not have before it is left alone: bodies of another kind begin with a zero too."""

MAX_REMEMBERED = 10_000
"""Ids that were looked for without success and are remembered."""

FETCH_SECONDS = 10.0
"""How long fetching may take in all before another request is made."""

NEVER = (float("-inf"), "")
"""A failure that is over: when it may be tried again, and the reason."""


class RegistrySchemas:
    """Implements `codecs.schema_source.SchemaSource`. `find` notes what is missing, `fetch_wanted` fetches it.

    A registry that does not answer is left alone for `RETRY_SECONDS`. Threads may share it.
    """

    misses = 0
    """How often a schema was asked for that can still be fetched."""

    on_wanted: Callable[[], object] | None = None
    """Called, in whichever thread decodes, when a schema is wanted."""

    def __init__(self, client: RegistryClient, cache: SchemaCache, clock: Callable[[], float] = monotonic) -> None:
        self._client = client
        self._cache = cache
        self._clock = clock
        self._found: dict[SchemaRef, Schema] = {}
        self._from_disk: dict[str, SchemaRef] = {}
        self._failed: dict[SchemaRef, tuple[float, str]] = {}
        self._down = NEVER
        self._missing = 0
        self._wanted: dict[SchemaRef, None] = {}
        self._looked_for: set[SchemaRef] = set()
        self._outdated: set[SchemaRef] = set()
        self._fetching = threading.Lock()

    def find(self, ref: SchemaRef) -> Schema:
        """The schema of an id, where it has been fetched.

        Raises:
            SchemaNotFound: it was not, with the reason.
        """
        found = self._found.get(ref)
        if found is not None:
            return found
        for until, why in (self._failed.get(ref, NEVER), self._down):
            if self._clock() < until and ref in self._looked_for:
                raise SchemaNotFound(why)
        self._want(ref)
        raise SchemaNotFound(f"{ref} is not fetched yet")

    @property
    def kinds(self) -> frozenset[SchemaKind]:
        """The languages of the schemas that were found."""
        return frozenset(each.kind for each in list(self._found.values()))

    def reconsider(self, ref_text: str) -> None:
        """Want a schema anew where it came from the disk: a body does not fit, so the registry may be another one."""
        ref = self._from_disk.pop(ref_text, None)
        if ref is None:
            return
        self._found.pop(ref, None)
        self._outdated.add(ref)
        self._want(ref)

    def _want(self, ref: SchemaRef) -> None:
        self.misses += 1
        if len(self._wanted) < MAX_AT_ONCE:
            self._wanted[ref] = None
        if self.on_wanted is not None:
            self.on_wanted()

    def fetch_wanted(self) -> None:
        """Fetch what was asked for, from the disk or the registry. It blocks, and raises nothing: `find` tells why."""
        with self._fetching:
            wanted, self._wanted = list(self._wanted), {}
            until = self._clock() + FETCH_SECONDS
            try:
                for ref in wanted:
                    if ref not in self._found:
                        self._fetch(ref, until)
            finally:
                self._client.close()

    def _fetch(self, ref: SchemaRef, until: float) -> None:
        if len(self._looked_for) >= MAX_REMEMBERED:
            self._looked_for.clear()
        self._looked_for.add(ref)
        kept = None if ref in self._outdated else self._cache.read(ref)
        if kept is not None:
            self._found[ref] = kept
            self._from_disk[str(ref)] = ref
            return
        if self._clock() < self._down[0]:
            return
        try:
            schema = self._resolve(ref, until)
        except (NotFound, SchemaNotFound) as error:
            if len(self._failed) >= MAX_REMEMBERED:
                self._failed.clear()
            why = describe(error) if isinstance(error, MqtuiError) else str(error)
            again = self._clock() + RETRY_SECONDS
            self._failed[ref] = (again, why)
            self._missing += 1
            if self._missing == MAX_MISSING:
                self._down, self._missing = (again, f"{self._client.url} has none of the last {MAX_MISSING} ids"), 0
        except MqtuiError as error:
            self._down = (self._clock() + RETRY_SECONDS, describe(error))
        else:
            self._found[ref], self._missing = schema, 0
            self._cache.write(ref, schema)

    def _resolve(self, ref: SchemaRef, until: float) -> Schema:
        def read(reference: SchemaReference) -> RegisteredSchema:
            if self._clock() > until:
                raise too_slow(self._client.url, FETCH_SECONDS)
            return self._client.find_version(reference.subject, reference.version)

        if self._clock() > until:
            raise too_slow(self._client.url, FETCH_SECONDS)
        return join_references(self._client.find_schema(ref), self._name(ref), read)

    def _name(self, ref: SchemaRef) -> str:
        """The first subject and version that have it; a schema may be that of several."""
        try:
            versions = self._client.versions_of(ref) if ref.kind is IdKind.ID else []
        except MqtuiError:
            versions = []
        if not versions:
            return str(ref)
        (subject, version), *others = versions
        return f"{subject} v{version}" + (f" +{len(others)}" if others else "")
