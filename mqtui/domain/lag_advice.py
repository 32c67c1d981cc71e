"""What to do about the lag of a group, said only where its figures support it."""

from __future__ import annotations

from mqtui.domain.figure import pluralize
from mqtui.domain.lag_assessment import LagState
from mqtui.domain.topology import GroupLag

START = "start its consumers: nobody is in it"
LOOK = "look at the record it stands on: if it can't be handled, `mqtui offsets --skip 1 --copy-to` keeps a copy"


def advise(state: LagState, lag: GroupLag) -> str:
    """What to do about a group that is in this state; "" where the figures do not tell.

    More members help a group that is slow only while there are fewer of them than partitions, and not where a few
    partitions carry the lag. Partitions without a known member may be shared by several: nothing is said of those.
    """
    if state is LagState.STOPPED:
        return START
    if state is LagState.STUCK:
        return LOOK
    members, partitions = lag.members, len(lag.parts)
    if state is not LagState.SLOW or not members or not partitions or not all(part.member for part in lag.parts):
        return ""
    if members < partitions:
        more = pluralize(partitions - members, "more member")
        return f"{pluralize(members, 'member')} for {pluralize(partitions, 'partition')}: up to {more} can share them"
    each = "the only partition has its member" if partitions == 1 else f"each of {partitions} partitions has its member"
    return f"{each}: more members need more partitions, or a message has to take less time"
