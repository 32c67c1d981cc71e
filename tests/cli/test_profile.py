"""`mqtui profile`: named connections; where a secret is, never the secret."""

from __future__ import annotations

import json

from tests.cli.broker_fixtures import BrokerFixture, add_profile, all_file_bytes
from tests.cli.command_line import Mqtui


def test_add_list_show_test_remove(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    added = add_profile(mqtui, rabbitmq, "shop", "--environment", "stage")
    assert (added["name"], added["environment"], added["mode"]) == ("shop", "stage", "")
    assert list(added["brokers"]) == ["rabbitmq"]
    assert mqtui("profile", "show", "shop", "--json").ok().rows() == [added]
    assert mqtui("profile", "list", "--json").ok().rows() == [added]
    assert "shop" in mqtui("profile", "list").ok().text
    assert "stage" in mqtui("profile", "show", "shop").ok().text
    (tested,) = mqtui("profile", "test", "shop", "--json").ok().rows()
    assert tested["ok"]
    assert tested["version"]
    mqtui("ls", "shop").ok()
    mqtui("ls", "shop/rabbitmq").ok()
    mqtui("profile", "remove", "shop").fails(4, "--confirm shop")
    mqtui("profile", "remove", "shop", "--confirm", "shop", "--json").ok()
    assert mqtui("profile", "list", "--json").ok().rows() == []
    mqtui("ls", "shop").fails(1, "shop")


def test_a_profile_of_several_brokers(mqtui: Mqtui, kafka: BrokerFixture, redis: BrokerFixture) -> None:
    add_profile(mqtui, kafka, "shop")
    add_profile(mqtui, redis, "shop")
    dlq, _ = redis.create_pair(1)
    assert f"shop/redis  {dlq.name}" in mqtui("ls", "shop").ok().text
    mqtui("peek", "shop", "orders").fails(1, "There is no topic orders", "shop/kafka, shop/redis")
    mqtui("redrive", "shop", "orders", "--yes").fails(2, "shop/kafka", "shop/redis")
    assert [row["broker"] for row in mqtui("profile", "test", "shop", "--json").ok().rows()] == ["kafka", "redis"]
    run = mqtui("redrive", "shop/redis", dlq.name, "--yes", "--json").ok().rows()[-1]["run"]
    assert mqtui("runs", "--json").ok().rows()[0]["target"] == "shop/redis"
    mqtui("runs", "putback", run, "--yes").ok()
    mqtui("profile", "add", "shop", redis.url).fails(4, "already")


def test_what_is_no_profile(mqtui: Mqtui) -> None:
    mqtui("profile", "add", "redrive", "redis://127.0.0.1").fails(2, "verb")
    mqtui("profile", "add", "a/b", "redis://127.0.0.1").fails(2)
    mqtui("profile", "add", "shop", "http://127.0.0.1").fails(2)
    mqtui("profile", "add", "shop", "redis://:word@127.0.0.1").fails(2, "--password-stdin")
    mqtui("profile", "add", "shop", "redis://127.0.0.1", "-o", "password=word").fails(2, "--password-stdin")
    mqtui("profile", "add", "shop", "redis://127.0.0.1", "-o", "no-such-option").fails(2)
    mqtui("profile", "show", "shop").fails(1, "shop")
    mqtui("profile", "test", "shop").fails(1, "shop")
    assert mqtui("profile", "list", "--json").ok().rows() == []


def test_a_password_without_a_keyring_is_not_kept_in_a_file(mqtui: Mqtui) -> None:
    words = ("profile", "add", "shop", "redis://127.0.0.1:1", "--password-stdin")
    refused = mqtui(*words, given=b"s3cret-w0rd\n")
    assert refused.code in (1, 3, 4), refused.err
    assert "keyring" in refused.err
    assert "MQTUI_SECRET_SHOP" in refused.err
    assert b"s3cret-w0rd" not in all_file_bytes(mqtui.folder)
    assert "s3cret-w0rd" not in refused.err
    assert mqtui("profile", "list", "--json").ok().rows() == []


def test_a_profile_that_can_not_connect(mqtui: Mqtui) -> None:
    mqtui("profile", "add", "gone", "redis://127.0.0.1:1").ok()
    done = mqtui("profile", "test", "gone", "--json")
    assert done.code == 3
    (told,) = done.rows()
    assert (told["ok"], told["failed_step"]) == (False, "port")
    assert "127.0.0.1:1" in json.dumps(told)


def test_a_file_with_a_mistake_is_named(mqtui: Mqtui) -> None:
    mqtui("profile", "add", "shop", "redis://127.0.0.1:1").ok()
    (file,) = (mqtui.folder / "config").glob("*.toml")
    file.write_text(file.read_text() + "\nnonsense = [\n")
    mqtui("ls", "shop").fails(2, str(file))
