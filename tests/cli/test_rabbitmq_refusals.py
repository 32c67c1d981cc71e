"""R12 at the command line: what RabbitMQ refuses by closing a channel is that message's refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cli.broker_fixtures import BrokerFixture, run_result, wait_until
from tests.cli.command_line import Mqtui
from tests.contract import amqp10
from tests.contract.rabbitmq_test_client import Rabbit

FAST_REPLY = "amq.rabbitmq.reply-to"
SAID = "406 PRECONDITION_FAILED - fast reply consumer does not exist"


@pytest.fixture
def opened(rabbitmq: BrokerFixture) -> Iterator[Rabbit]:
    """A bare client of the same broker."""
    client = Rabbit(rabbitmq.url)
    yield client
    client.close()


def test_one_message_is_refused_with_the_words_of_the_broker(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    queue = rabbitmq.world.create("refusing")
    words = ("publish", rabbitmq.url, queue.name, "--value", "x", "--reply-to", FAST_REPLY, "--yes", "--json")
    done = mqtui(*words)
    assert done.code == 1, done.err
    (row,) = [row for row in done.rows() if "state" in row]
    assert (row["state"], row["reason"]) == ("refused", SAID)
    assert rabbitmq.world.contents(queue) == []


def test_one_line_of_many_is_refused_and_the_others_are_stored(
    mqtui: Mqtui, rabbitmq: BrokerFixture, opened: Rabbit
) -> None:
    queue = opened.queue()
    lines = [
        {"value": f"{number}", "properties": {"reply_to": FAST_REPLY} if number == 2 else {}} for number in range(5)
    ]
    given = "\n".join(map(json.dumps, lines)).encode()
    done = mqtui("publish", rabbitmq.url, queue, "-", "--jsonl", "--yes", "--json", given=given)
    states = [row["state"] for row in done.rows() if "state" in row]
    assert (done.code, states) == (1, ["stored", "stored", "refused", "stored", "stored"]), done.err
    assert opened.bodies(queue) == [b"0", b"1", b"3", b"4"]


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_one_letter_of_five_stays_and_a_resume_doubles_nothing(
    mqtui: Mqtui, rabbitmq: BrokerFixture, opened: Rabbit, kind: str
) -> None:
    """Only an AMQP 1.0 sender can leave such a letter, and only RabbitMQ 4 keeps it."""
    if int(opened.version.split(".")[0]) < 4:
        pytest.skip("RabbitMQ before 4.0 refuses such a letter when it is sent")
    source, target = opened.queue({"x-queue-type": kind}), opened.queue({"x-queue-type": kind})
    host, port = opened.address.hosts[0]
    with amqp10.Sender(host, port, source) as sender:
        for number in range(5):
            reply_to = FAST_REPLY if number == 2 else None
            sender.send(amqp10.message(b"m%d" % number, subject="order", reply_to=reply_to))
    opened.wait_until_ready(source, 5)
    words = ("redrive", rabbitmq.url, source, "--to", target, "--yes", "--json")
    done = mqtui(*words)
    if done.code == 4:
        done = mqtui(*words, "--allow", "poorer")
    told = run_result(done)
    assert (done.code, told["planned"], told["moved"], told["refused"]) == (1, 5, 4, 1), done.err
    assert told["reasons"] == {SAID: 1}
    again = mqtui("runs", "resume", told["run"], "--yes", "--json")
    assert again.code in (1, 4), again.err
    wait_until(lambda: opened.ready(source) == 1)
    assert opened.bodies(target) == [b"m0", b"m1", b"m3", b"m4"]
    assert opened.bodies(source) == [b"m2"]
