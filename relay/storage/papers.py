"""Tables of the prescriptions: drafts that wait for a signature, signed ones, their steps."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Moment


class PrescriptionDraftRow(Base):
    """A page that waits for the doctor's signature. Deleted when signed or expired.

    `drugs` and `byte_range` are JSON arrays; `certificate` is the PEM whose key is to sign.
    """

    __tablename__ = "prescription_draft"

    prescription_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    encounter_id: Mapped[str] = mapped_column(String(80))
    call_id: Mapped[str] = mapped_column(String(80))
    vehicle_id: Mapped[str] = mapped_column(String(80))
    doctor_id: Mapped[str] = mapped_column(String(80), index=True)
    doctor_name: Mapped[str] = mapped_column(String(200))
    certificate: Mapped[str] = mapped_column(Text)
    drugs: Mapped[str] = mapped_column(Text)
    pdf: Mapped[bytes] = mapped_column(LargeBinary)
    byte_range: Mapped[str] = mapped_column(String(80))
    signed_attributes: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(Moment)


class PrescriptionRow(Base):
    """A signed prescription. Its bytes stand in the file named by `sha256`, never here."""

    __tablename__ = "prescription"
    __table_args__ = (Index("ix_prescription_vehicle_state", "vehicle_id", "state"),)

    prescription_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    encounter_id: Mapped[str] = mapped_column(String(80), index=True)
    call_id: Mapped[str] = mapped_column(String(80))
    vehicle_id: Mapped[str] = mapped_column(String(80))
    doctor_id: Mapped[str] = mapped_column(String(80))
    doctor_name: Mapped[str] = mapped_column(String(200))
    drugs: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    state: Mapped[str] = mapped_column(String(24))
    signed_at: Mapped[datetime] = mapped_column(Moment)


class PrescriptionStepRow(Base):
    """One step that was made; `position` counts from 0 within a prescription."""

    __tablename__ = "prescription_step"
    __table_args__ = (UniqueConstraint("prescription_id", "position"),)

    step_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    prescription_id: Mapped[str] = mapped_column(ForeignKey("prescription.prescription_id"))
    position: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(24))
    at: Mapped[datetime] = mapped_column(Moment)
    code: Mapped[str | None] = mapped_column(String(80))
