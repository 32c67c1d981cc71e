"""Schema files of a profile: read once, by their kind, with the reason where one can't be used."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from mqtui.codecs.decode import decode
from mqtui.codecs.hints import Hints
from mqtui.domain.schema import IdKind, SchemaKind, SchemaNotFound, SchemaRef
from mqtui.schemas import protoc
from mqtui.schemas.local_files import LocalSchemas
from tests.codecs.schema_fixtures import order_files

PROTO = 'syntax = "proto3"; package shop; import "shop/money.proto"; message Order { string id = 1; Money total = 2; }'
MONEY = 'syntax = "proto3"; package shop; message Money { int64 units = 1; }'


def find(schemas: LocalSchemas, name: str) -> SchemaKind:
    return schemas.find(SchemaRef(IdKind.FILE, name)).kind


def test_files_by_their_kind(tmp_path: Path) -> None:
    (tmp_path / "order.avsc").write_text('{"type":"record","name":"O","fields":[]}')
    (tmp_path / "avro.json").write_text('{"type":"record","name":"O","fields":[]}')
    (tmp_path / "json.json").write_text('{"type":"object"}')
    (tmp_path / "orders.desc").write_bytes(order_files().SerializeToString())
    schemas = LocalSchemas(tmp_path, ["order.avsc", "avro.json", "json.json", str(tmp_path / "orders.desc")])
    assert find(schemas, "order.avsc") is SchemaKind.AVRO
    assert find(schemas, "avro.json") is SchemaKind.AVRO
    assert find(schemas, "json.json") is SchemaKind.JSON
    assert find(schemas, str(tmp_path / "orders.desc")) is SchemaKind.PROTOBUF
    assert schemas.problems == ()


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.avsc").write_text("{")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "notes.txt").write_text("x")
    schemas = LocalSchemas(tmp_path, ["gone.avsc", "broken.avsc", "deep.json", "notes.txt"])
    assert len(schemas.problems) == 4
    for name, why in (("gone.avsc", "No such file"), ("broken.avsc", "no JSON"), ("notes.txt", "is no .avsc")):
        with pytest.raises(SchemaNotFound, match=why):
            schemas.find(SchemaRef(IdKind.FILE, name))
    with pytest.raises(SchemaNotFound, match="no registry"):
        schemas.find(SchemaRef(IdKind.ID, "7"))


@pytest.fixture
def proto(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "money.proto").write_text(MONEY)
    path = tmp_path / "shop" / "order.proto"
    path.write_text(PROTO)
    return path


def test_without_a_compiler_a_proto_file_says_what_to_do(proto: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (problem,) = LocalSchemas(proto.parent, [proto.name]).problems
    assert "pip install 'mqtui[protobuf]'" in problem


def test_a_proto_file_with_imports_is_compiled(proto: Path) -> None:
    schemas = LocalSchemas(proto.parent, ["order.proto"])
    assert schemas.problems == ()
    schema = schemas.find(SchemaRef(IdKind.FILE, "order.proto"))
    files = FileDescriptorSet.FromString(schema.content)
    assert [file.name for file in files.file][-1].endswith("order.proto")
    body = b"\x0a\x06AB-991\x12\x02\x08\x05"
    found = decode(body, hints=Hints(rule="protobuf:order.proto#Order"), schemas=schemas)
    assert json.loads(found.text) == {"id": "AB-991", "total": {"units": 5}}


def test_a_proto_file_that_does_not_compile_says_where(proto: Path) -> None:
    proto.write_text("message {")
    with pytest.raises(SchemaNotFound, match=r"order\.proto"):
        protoc.compile_proto(proto)
