"""jq programs that choose messages (`--where`).

The program's input is the decoded value: JSON as it is, text as a string, a Redis entry as an object of its fields,
bytes as `{"base64"}`, no value as null. `$m` is the whole message as a JSON line has it. A message is chosen where the
program's first output is neither false nor null.
"""

from __future__ import annotations

import re

from mqtui.codecs.decode import NO_KEYS
from mqtui.codecs.decoded import Keys
from mqtui.domain.errors import BadInput
from mqtui.domain.message import Message
from mqtui.services.decoding import decoded
from mqtui.services.jsonlines import to_json

_MENTIONS_MESSAGE = re.compile(r"\$m\b")


class JqTest:
    """A compiled program. `failures` counts messages it failed on; those are not chosen. `failure` is the first."""

    def __init__(self, program: str, keys: Keys = NO_KEYS) -> None:
        """Compile it.

        Raises:
            BadInput: it can't be compiled; the detail is jq's own.
        """
        import jq

        self._keys = keys
        self._whole = bool(_MENTIONS_MESSAGE.search(program))
        self.failures = 0
        self.failure = ""
        try:
            jq.compile(program, args={"m": None})
            self._program = jq.compile(f".m as $m | .v | (\n{program}\n)" if self._whole else program)
        except ValueError as error:
            detail = str(error).replace("jq: error: ", "").rpartition("\njq: ")[0]
            raise BadInput("The jq program can't be compiled", detail or str(error), "See the jq manual.") from error

    def __call__(self, message: Message) -> bool:
        """Whether the program chooses the message."""
        text = decoded(message, self._keys).text
        if self._whole:
            text = b'{"m":%b,"v":%b}' % (to_json(message), text)
        try:
            output = self._program.input_text(text.decode()).first()
        except StopIteration:
            return False
        except ValueError as error:
            self.failures += 1
            self.failure = self.failure or str(error)
            return False
        return output is not None and output is not False
