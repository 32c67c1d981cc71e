"""Asking for consent to a plan: on protected profiles the profile's name is typed."""

from __future__ import annotations

from mqtui.domain.policy import Consent, Policy
from mqtui.ui.widgets.prompt_line import PromptLine

NOTHING = "esc back, nothing happened"


async def ask_consent(
    prompt_line: PromptLine, policy: Policy, what: str, thing: str = "", allowed: frozenset[str] = frozenset()
) -> Consent | None:
    """Ask on the prompt line; None where it was cancelled or another name was typed.

    `thing` is a name to be typed on every profile: that of what loses messages. `allowed` are the accepted risks.
    """
    wanted = thing or (policy.profile if policy.protected else "")
    if not wanted:
        return Consent(yes=True, allowed=allowed)
    entered = await prompt_line.ask(f"type {wanted} to {what}", pastes=False, beside=NOTHING)
    if entered is None:
        prompt_line.set_status("nothing happened", "text")
        return None
    if entered.strip() != wanted:
        prompt_line.set_status(f"that was not {wanted}: nothing happened", "warn")
        return None
    return Consent(yes=True, typed=policy.profile, named=thing, allowed=allowed)
