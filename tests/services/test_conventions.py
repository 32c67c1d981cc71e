"""Shipped conventions, a user's own, and mistakes."""

from pathlib import Path

import pytest

from mqtui.domain.errors import BadInput
from mqtui.services.conventions import SHIPPED, load_conventions, read_convention
from tests.domain import dead_letters

OWN = """
name = "acme"
brokers = ["kafka"]
detect = ["acme-failed"]
destinations = ["{origin}.graveyard"]

[fields]
origin = "acme-topic"
offset = { name = ["acme-offset", "acme-old-offset"], codec = "decimal" }
message = ["acme-failed", { name = "acme-json", codec = "json", path = "error.text" }]

[strip]
names = ["acme-failed"]
fields = ["origin"]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "conventions"
    folder.mkdir()
    return folder


def test_all_shipped_conventions_are_read() -> None:
    known = {one.name for one in load_conventions().conventions.known}
    assert {"spring", "spring-retryable", "spring-cloud-stream", "connect", "x-death", "watermill", "mqtui"} <= known
    assert len(known) == len(list(SHIPPED.glob("*.toml")))
    assert load_conventions() is load_conventions()


def test_a_users_own(own: Path, tmp_path: Path) -> None:
    (own / "acme.toml").write_text(OWN)
    loaded = load_conventions(tmp_path)
    assert loaded.notes == ()
    headers = (("acme-topic", b"orders", ""), ("acme-old-offset", b"7", ""), ("acme-failed", b"no stock", ""))
    letter = dead_letters.kafka(headers, "orders.graveyard")
    from mqtui.domain.deadletter import describe, redrive_target, split_headers

    death = describe(letter, loaded.conventions)
    assert (death.convention, death.message) == ("acme", "no stock")
    assert death.origin is not None
    assert death.origin.offset == 7
    assert split_headers(letter, loaded.conventions).kept == ("acme-old-offset",)
    by_name = redrive_target(dead_letters.kafka((), "invoices.graveyard"), loaded.conventions)
    assert by_name is not None
    assert by_name.ref.name == "invoices"


def test_a_users_own_takes_the_place_of_a_shipped_one(own: Path, tmp_path: Path) -> None:
    (own / "spring.toml").write_text(OWN.replace('"acme"', '"spring"'))
    names = [one.name for one in load_conventions(tmp_path).conventions.known]
    assert names.count("spring") == 1
    spring = next(one for one in load_conventions(tmp_path).conventions.known if one.name == "spring")
    assert spring.detect == ("acme-failed",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('detect = ["acme-failed"]', "detect = 7"), ("`array`", "$.detect")),
        (('["kafka"]', '["kafak"]'), ("kafak", "$.brokers")),
        (('origin = "acme-topic"', 'orgin = "acme-topic"'), ("orgin", "$.fields")),
        (("[strip]", "[stirp]"), ("stirp",)),
        (('codec = "decimal"', 'codec = "desimal"'), ("desimal", "$.fields.offset.codec")),
        ((', path = "error.text"', ""), ("needs a path", "$.fields.message.path")),
        (('fields = ["origin"]', 'fields = ["topic"]'), ("topic", "$.strip.fields")),
        (("name =", "name ="), ()),
        (('name = "acme"', ""), ("name",)),
        (("[strip]", "[strip"), ("line",)),
    ],
)
def test_a_mistake_names_the_file_and_the_key(
    own: Path, tmp_path: Path, change: tuple[str, str], words: tuple[str, ...]
) -> None:
    file = own / "acme.toml"
    file.write_text(OWN.replace(*change, 1))
    loaded = load_conventions(tmp_path)
    if not words:
        assert loaded.notes == ()
        return
    assert len(loaded.notes) == 1
    assert str(file) in loaded.notes[0]
    assert all(word in loaded.notes[0] for word in words), loaded.notes
    assert "spring" in {one.name for one in loaded.conventions.known}
    with pytest.raises(BadInput):
        read_convention(file)


def test_a_convention_that_recognises_nothing_is_a_mistake(own: Path) -> None:
    file = own / "empty.toml"
    file.write_text('name = "empty"\nbrokers = ["redis"]\n')
    with pytest.raises(BadInput, match="nothing identifies its letters"):
        read_convention(file)
