"""Who is told of alerts, as a profile names them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from mqtui.domain.errors import BadInput


class WebhookForm(StrEnum):
    """What a webhook takes."""

    JSON = "json"
    SLACK = "slack"
    ALERTMANAGER = "alertmanager"


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """One receiver: a webhook, a command, or this desktop.

    `webhook` is a URL, or says where it is: `env:NAME` or `command:PROGRAM ARGUMENTS`, since it may be a secret.

    Raises:
        BadInput: it is none of the three, or more than one.
    """

    webhook: str = ""
    form: WebhookForm = WebhookForm.JSON
    command: str = ""
    desktop: bool = False

    def __post_init__(self) -> None:
        if bool(self.webhook) + bool(self.command) + self.desktop != 1:
            raise BadInput("A receiver is a webhook, a command or the desktop", "", "Name one of them.")
        if self.webhook.partition(":")[0] not in ("", "http", "https", "env", "command"):
            raise BadInput("That is no webhook", "", "Write https://..., env:NAME or command:PROGRAM ARGUMENTS.")
        if self.command:
            try:
                shlex.split(self.command)
            except ValueError as error:
                raise BadInput("The command can't be read", f"{error}.", "Quote it as for a shell.") from None

    @property
    def name(self) -> str:
        """What it is called where events wait for it; it has no secret."""
        if self.desktop:
            return "desktop"
        what = "webhook" if self.webhook else "command"
        return f"{what} {sha256((self.webhook or self.command).encode()).hexdigest()[:8]}"
