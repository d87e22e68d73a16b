"""Encounters as the relay knows them (no identity of the patient) and calls."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Moment


class EncounterRow(Base):
    """The newest `EncounterState` a vehicle said of one encounter."""

    __tablename__ = "encounter"

    encounter_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    vehicle_id: Mapped[str] = mapped_column(String(80), index=True)
    phase: Mapped[str] = mapped_column(String(16), index=True)
    reason: Mapped[str] = mapped_column(String(32))
    urgency: Mapped[str] = mapped_column(String(16))
    opened_at: Mapped[datetime] = mapped_column(Moment())
    waiting_since: Mapped[datetime | None] = mapped_column(Moment())


class CallRow(Base):
    """A doctor's call. The partial unique indexes make taking a call a race with one winner."""

    __tablename__ = "call"

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    encounter_id: Mapped[str] = mapped_column(String(80))
    vehicle_id: Mapped[str] = mapped_column(String(80))
    doctor_id: Mapped[str] = mapped_column(String(80))
    generation: Mapped[int]
    opened_at: Mapped[datetime] = mapped_column(Moment())
    ended_at: Mapped[datetime | None] = mapped_column(Moment())
    finished: Mapped[bool] = mapped_column(default=False)

    __table_args__ = tuple(
        Index(f"uq_call_open_{column}", column, unique=True, sqlite_where=text("ended_at IS NULL"),
              postgresql_where=text("ended_at IS NULL"))
        for column in ("encounter_id", "vehicle_id", "doctor_id"))
