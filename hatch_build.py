"""The README as a package index shows it, where links and pictures need a host: README_BASE_URL names it in a build."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE = re.compile(r"(\]\()(?![a-z]+:|#)([^)\s]+)")


class ReadmeMetadata(MetadataHookInterface):
    """Puts the README into the metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README; with README_BASE_URL its relative links are absolute."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        base = os.environ.get("README_BASE_URL", "")
        metadata["readme"] = {"content-type": "text/markdown", "text": with_base(text, base) if base else text}


def with_base(markdown: str, base: str) -> str:
    """The text with its relative links and pictures below an address, which ends with a slash."""
    return RELATIVE.sub(lambda found: found[1] + urljoin(base, found[2]), markdown)
