"""Rows in the formats of `-o`, and usage errors for programs."""

from __future__ import annotations

import csv
import io
import json

import pytest
import yaml

from tests.cli.command_line import Mqtui

URL = "redis://127.0.0.1:1/0"


@pytest.fixture
def two_profiles(mqtui: Mqtui) -> Mqtui:
    mqtui("profile", "add", "shop", URL).ok()
    mqtui("profile", "add", "prod", URL, "--protected").ok()
    return mqtui


def test_a_row_has_the_same_fields_in_every_format(two_profiles: Mqtui) -> None:
    rows = two_profiles("profile", "list", "--json").ok().rows()
    assert two_profiles("profile", "list", "-o", "json").ok().rows() == rows
    documents = list(yaml.safe_load_all(two_profiles("profile", "list", "-o", "yaml").ok().text))
    assert documents == rows
    table = list(csv.DictReader(io.StringIO(two_profiles("profile", "list", "-o", "csv").ok().text)))
    assert [row["name"] for row in table] == ["shop", "prod"]
    assert [{**row, "secret": None, **_parsed(row)} for row in table] == rows
    assert two_profiles("profile", "list", "-o", "table").ok().out == two_profiles("profile", "list").ok().out


def _parsed(row: dict[str, str]) -> dict[str, object]:
    return {name: json.loads(cell) for name, cell in row.items() if cell[:1] in ("[", "{")}


@pytest.mark.parametrize(
    "words",
    [
        "peek --json",
        "peek -o json x --nonsense",
        "ls x --output=json --kind lake",
        "nonsense --json",
        "runs show --json",
    ],
)
def test_a_usage_error_is_json_where_json_is_asked_for(mqtui: Mqtui, words: str) -> None:
    done = mqtui(*words.split())
    assert (done.code, done.out, done.err.count("\n")) == (2, b"", 1)
    assert done.error()["exit"] == 2
    assert "--help" in done.error()["hint"]


def test_json_and_another_format_exclude_each_other(mqtui: Mqtui) -> None:
    assert "-o csv" in mqtui("runs", "list", "--json", "-o", "csv").fails(2).error()["title"]


def test_a_typo_of_a_profile_or_command_is_named(two_profiles: Mqtui) -> None:
    two_profiles("shpo").fails(2, "no profile shpo", "shop")
    two_profiles("pblish").fails(2, "no command", "publish")
    two_profiles("ls", "shpo").fails(1, "no profile shpo", "shop")


@pytest.mark.parametrize("by", ["variable", "file"])
def test_a_profile_in_use_stands_for_the_target(two_profiles: Mqtui, by: str) -> None:
    mqtui = two_profiles
    mqtui("ls").fails(2, "TARGET", "profile use")
    if by == "variable":
        mqtui.extra["MQTUI_PROFILE"] = "shop"
    else:
        assert mqtui("profile", "use", "shop", "--json").ok().rows() == [{"used": "shop"}]
    for words in ("ls", "peek orders", "groups orders", "ls prod", "peek shop orders", "publish orders --value x"):
        mqtui(*words.split()).fails(3, "127.0.0.1:1")
    for words in ("ls shpo", "peek shpo orders", "publish shpo orders --value x"):
        mqtui(*words.split()).fails(1, "no profile shpo")
    assert mqtui("profile", "use").ok().text == "in use: shop\n"


def test_which_profile_is_in_use_is_kept_with_the_profiles(two_profiles: Mqtui) -> None:
    two_profiles("profile", "use", "shpo").fails(1, "Near it: shop")
    two_profiles("profile", "use", "shop/kafka").fails(2)
    two_profiles("profile", "use", "prod/redis").ok()
    assert "in use: prod/redis" in two_profiles("profile", "use").ok().text
    two_profiles("profile", "remove", "prod", "--confirm", "prod").ok()
    assert two_profiles("profile", "use").ok().text == "no profile is in use\n"
    two_profiles("profile", "use", "shop").ok()
    assert two_profiles("profile", "use", "--none").ok().text == "no profile is in use\n"
    assert [row["name"] for row in two_profiles("profile", "list", "--json").ok().rows()] == ["shop"]
