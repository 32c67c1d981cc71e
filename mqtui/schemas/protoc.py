"""Compiles .proto files: with grpcio-tools (`pip install 'mqtui[protobuf]'`), or with the protoc of this machine."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from mqtui.domain.schema import SchemaNotFound

SECONDS = 30
"""How long a compiler may take."""

LONGEST_ERROR = 500


def compile_proto(path: Path) -> bytes:
    """The serialized FileDescriptorSet of a file and all that it imports, itself last. It blocks.

    Imports are looked for in the file's folder and those above it, up to three.

    Raises:
        SchemaNotFound: there is no compiler, or the file can't be compiled.
    """
    return _compile(path, [path.parent, *list(path.parent.parents)[:3]], path.name)


def compile_sources(sources: Mapping[str, str], main: str, name: str) -> bytes:
    """The same of sources by their paths, as imports name them. It blocks. `name` is shown to people.

    Raises:
        SchemaNotFound: as `compile_proto`, or a path leads out of their folder.
    """
    with tempfile.TemporaryDirectory(prefix="mqtui-proto-") as folder:
        for given, text in sources.items():
            path = PurePosixPath(given)
            if path.is_absolute() or ".." in path.parts or "\\" in given or ":" in given or not path.parts:
                raise SchemaNotFound(f"{name} can't be compiled: {given[:80]!r} is no path of an import")
            target = Path(folder) / path
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
            except (OSError, ValueError) as error:
                raise SchemaNotFound(f"{name} can't be compiled: {error}") from error
        return _compile(Path(folder) / main, [Path(folder)], name)


def _compile(path: Path, folders: Sequence[Path], name: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="mqtui-proto-") as scratch:
        target = Path(scratch) / "set.desc"
        arguments = [*(f"--proto_path={folder}" for folder in folders), "--include_imports"]
        try:
            done = subprocess.run(
                [*_compiler(), *arguments, f"--descriptor_set_out={target}", str(path)],
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SchemaNotFound(f"{name} can't be compiled: {error}") from error
        if done.returncode:
            text = " ".join(done.stderr.decode("utf-8", "replace").split())[:LONGEST_ERROR]
            raise SchemaNotFound(f"{name} can't be compiled: {text}")
        return target.read_bytes()


def _compiler() -> list[str]:
    package = importlib.util.find_spec("grpc_tools")
    if package is not None and package.origin is not None:
        known = Path(package.origin).parent / "_proto"
        return [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={known}"]
    if found := shutil.which("protoc"):
        return [found]
    raise SchemaNotFound("no Protobuf compiler: pip install 'mqtui[protobuf]', or protoc; or give a .desc file")
