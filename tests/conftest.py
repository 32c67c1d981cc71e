"""Fixtures every test may use: real brokers, started when first asked for."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.brokers import Brokers

ROOT = Path(__file__).parent

os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
"""keyring keeps the first backend that it finds for the whole process: none of this machine's, whatever runs first."""

LONG = (
    "chaos/test_kills",
    "chaos/test_two_operators",
    "strangers/test_",
    "ui/test_read_only_keys_",
    "ui/test_stories_",
    "services/test_lag_scenes",
    "cli/test_resource_limits",
    "contract/test_kafka_source_lock",
    "ui/test_failures_brokers",
    "contract/test_kafka_broker_down",
    "architecture/test_checkers",
    "cli/test_broker_failures",
    "demo/test_servers",
    "cli/test_redrive_special_cases",
    "cli/test_missing_letters",
    "cli/test_untrusted_text",
    "cli/test_publish_monitor",
    "cli/test_redrive_monitor",
    "connections/test_connections",
    "manual/test_readme",
)
"""How the paths of files begin that take a minute or more where several run side by side, the longest first."""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are called by their argument: sealed ones differ in every process, and workers have to agree on names."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: rank(item.path))


def rank(path: Path) -> int:
    """The place in `LONG` of a file; of all others the one behind."""
    name = path.relative_to(ROOT).as_posix()
    return next((place for place, start in enumerate(LONG) if name.startswith(start)), len(LONG))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A worker sends its reports as UTF-8: a name that is not would end the whole run."""
    report = yield
    report.sections = [(name, sendable(text)) for name, text in report.sections]
    if report.longrepr is not None and sendable(told := str(report.longrepr)) != told:
        report.longrepr = sendable(told)
    return report


def sendable(text: str) -> str:
    """The text with escapes for what UTF-8 can't hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def pytest_collection_finish() -> None:
    """What is loaded by now stays: neither Python nor a console that opens looks through it for garbage again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def brokers() -> Iterator[Brokers]:
    """The brokers of this run, and what starts further ones."""
    running = Brokers()
    yield running
    running.close()


@pytest.fixture(scope="session")
def kafka_url(brokers: Brokers) -> str:
    """A Kafka for the whole run."""
    return brokers.kafka()


@pytest.fixture(scope="session")
def rabbitmq_url(brokers: Brokers) -> str:
    """A RabbitMQ with management, streams and shovels for the whole run."""
    return brokers.rabbitmq()


@pytest.fixture(scope="session")
def redis_url(brokers: Brokers) -> str:
    """A Redis for the whole run."""
    return brokers.redis()


@pytest.fixture(scope="session", autouse=True)
def folders_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the profiles and the journal of who runs it."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("CONFIG", "STATE"):
            environment.setenv(f"MQTUI_{name}_DIR", str(tmp_path_factory.mktemp(name.lower())))
        yield
