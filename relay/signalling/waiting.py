"""The waiting room: who is next. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from protocol.values import Id, Reason, Struct, Urgency

QUEUE_ENTRIES = 200
"""Entries one `Queue` carries, 300 bytes each: as many as fit in one message; the rest wait further down."""

_RANK = {Urgency.urgent: 0, Urgency.soon: 1, Urgency.routine: 2}


class Waiting(Struct, frozen=True, kw_only=True):
    """One encounter that waits, or that a doctor (`doctor_id`) has taken."""

    encounter_id: Id
    vehicle_id: Id
    reason: Reason
    urgency: Urgency
    since: datetime
    doctor_id: str = ""
    doctor: str = ""


def ordered(entries: Iterable[Waiting]) -> list[Waiting]:
    """Urgency first, then time waiting; the identifier decides between equals, so that nothing jumps."""
    return sorted(entries, key=lambda entry: (_RANK[entry.urgency], entry.since, entry.encounter_id))


def places(entries: Iterable[Waiting]) -> dict[str, int]:
    """The place in the queue, from 1, of each encounter that nobody has taken."""
    waiting = [entry for entry in ordered(entries) if not entry.doctor_id]
    return {entry.encounter_id: place for place, entry in enumerate(waiting, start=1)}
