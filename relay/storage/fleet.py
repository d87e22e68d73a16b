"""Tables of the fleet: vehicles, one-time codes, the registry of keys that may connect or sign."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Moment


class Vehicle(Base):
    """One vehicle. `state` is a `relay.fleet.registry.VehicleState`; `health` the last `VehicleHealth` as JSON."""

    __tablename__ = "vehicle"

    vehicle_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    territory: Mapped[str] = mapped_column(String(200), default="")
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[str] = mapped_column(String(200))
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    last_seen: Mapped[datetime | None] = mapped_column(Moment)
    health: Mapped[str] = mapped_column(Text, default="")


class EnrolmentCode(Base):
    """A one-time code; only the SHA-256 of its secret part is kept."""

    __tablename__ = "enrolment_code"

    secret_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    vehicle_id: Mapped[str] = mapped_column(ForeignKey("vehicle.vehicle_id"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class Certificate(Base):
    """One issued certificate, named by the SHA-256 of its public key. What is not here is refused.

    `kind` and `subject_id`: the URN in the certificate; `state` a `CertificateState`.
    """

    __tablename__ = "certificate"
    __table_args__ = (Index("ix_certificate_subject", "kind", "subject_id"),)

    serial: Mapped[str] = mapped_column(String(40), primary_key=True)
    spki_sha256: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(16))
    pem: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)


class SessionCertificate(Base):
    """Which certificate the browser of a doctor's session holds the key of."""

    __tablename__ = "session_certificate"

    session_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    serial: Mapped[str] = mapped_column(ForeignKey("certificate.serial"))
    bound_at: Mapped[datetime] = mapped_column(Moment)
