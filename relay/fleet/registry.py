"""Who may connect or sign: every key is refused unless its certificate stands here as usable.

The TLS layer has already checked the chain and the dates; the registry decides what no certificate
can say: revoked, superseded, never heard of. Keys are named by the SHA-256 of their SPKI.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from protocol.signalling import VehicleHealth
from protocol.values import VehicleCard
from relay import audit
from relay.signalling.partners import DeviceStanding, DeviceState
from relay.storage.base import Storage
from relay.storage.fleet import Certificate, SessionCertificate, Vehicle
from relay.storage.people import Account

from .ca import COMMON_NAME_CHARACTERS, IssuingAuthority, Subject, requested_key, spki_sha256
from .errors import RequestRefused


class VehicleState(enum.StrEnum):
    """Life of a vehicle's place in the fleet."""

    expected = "expected"
    active = "active"
    revoked = "revoked"


class CertificateState(enum.StrEnum):
    """`fresh`: issued and never used; its first use supersedes the vehicle's older ones."""

    fresh = "fresh"
    active = "active"
    superseded = "superseded"
    revoked = "revoked"


USABLE = (CertificateState.fresh.value, CertificateState.active.value)

DOCTOR_RENEWAL = timedelta(days=30)
"""A doctor's browser that comes back with less than this left gets a new certificate for its key."""


class Registry:
    """The registry of keys (`relay.signalling.partners.Registry`). Every method is one transaction."""

    def __init__(self, storage: Storage, authority: IssuingAuthority, now: Callable[[], datetime]) -> None:
        self._storage = storage
        self._authority = authority
        self._now = now

    async def device_state(self, spki_sha256: str) -> DeviceState:
        """Whether a vehicle's key may connect. The first use of a renewed key supersedes the older ones."""
        async with self._storage.reading() as session:
            row = await _newest(session, spki_sha256)
            vehicle = await session.get(Vehicle, row.subject_id) if row and row.kind == Subject.vehicle else None
        if row is None or vehicle is None:
            return DeviceState(standing=DeviceStanding.unknown)
        usable = (vehicle.state == VehicleState.active and row.state in USABLE and row.expires_at > self._now())
        if usable and row.state == CertificateState.fresh:
            await self._first_use(row)
        return DeviceState(standing=DeviceStanding.active if usable else DeviceStanding.revoked,
                           vehicle_id=vehicle.vehicle_id)

    async def vehicle_card(self, vehicle_id: str) -> VehicleCard:
        """The card doctors see, with the certificate in use. LookupError: unknown vehicle."""
        async with self._storage.reading() as session:
            vehicle = await session.get(Vehicle, vehicle_id)
            row = await session.scalar(
                select(Certificate)
                .where(Certificate.kind == Subject.vehicle.value, Certificate.subject_id == vehicle_id,
                       Certificate.state == CertificateState.active.value)
                .order_by(Certificate.issued_at.desc()).limit(1))
        if vehicle is None:
            raise LookupError("vehicle.unknown")
        health = decode_health(vehicle.health)
        return VehicleCard(vehicle_id=vehicle.vehicle_id, name=vehicle.name, territory=vehicle.territory,
                           simulated=health is not None and health.simulated, certificate=row.pem if row else "")

    async def seen(self, vehicle_id: str) -> None:
        """The vehicle connected or is leaving now."""
        async with self._storage.session() as session:
            await session.execute(update(Vehicle).where(Vehicle.vehicle_id == vehicle_id)
                                  .values(last_seen=self._now()))

    async def health(self, vehicle_id: str, health: VehicleHealth) -> None:
        """Keeps what the vehicle says of itself."""
        async with self._storage.session() as session:
            await session.execute(update(Vehicle).where(Vehicle.vehicle_id == vehicle_id)
                                  .values(last_seen=self._now(),
                                          health=msgspec.json.encode(health).decode("utf-8")))

    async def doctor_certificate(self, session_id: str) -> str | None:
        """The certificate (PEM) of the key in this session's browser; None before it asked for one."""
        async with self._storage.reading() as session:
            row = await session.scalar(select(Certificate).join(SessionCertificate)
                                       .where(SessionCertificate.session_id == session_id,
                                              Certificate.state.in_(USABLE),
                                              Certificate.expires_at > self._now()))
        return row.pem if row else None

    async def certify_doctor(self, *, doctor_id: str, name: str, session_id: str, csr_pem: str) -> str:
        """Certifies the browser's key and binds it to the session; the same key gets the same certificate again.

        Returns it as PEM. Raises `RequestRefused`; a key that belongs to somebody else is `csr.key_in_use`,
        one that was withdrawn `csr.key_revoked`.
        """
        now = self._now()
        spki = spki_sha256(requested_key(csr_pem))
        async with self._storage.session() as session:
            row = await _newest(session, spki)
            if row is not None and (row.kind, row.subject_id) != (Subject.doctor, doctor_id):
                raise RequestRefused("csr.key_in_use")
            if row is not None and row.state not in USABLE:
                raise RequestRefused("csr.key_revoked")
            new = (row is None or row.expires_at < now + DOCTOR_RENEWAL
                   or _common_name(row.pem) != name[:COMMON_NAME_CHARACTERS])
            if row is None or new:
                issued = self._authority.issue_doctor(csr_pem, doctor_id=doctor_id, name=name, now=now)
                row = Certificate(serial=issued.serial, spki_sha256=spki, kind=Subject.doctor.value,
                                  subject_id=doctor_id, state=CertificateState.active.value,
                                  pem=issued.certificate_pem, issued_at=now, expires_at=issued.not_after)
                session.add(row)
                await session.flush()
            await session.merge(SessionCertificate(session_id=session_id, serial=row.serial, bound_at=now))
            # The doctor's card shows the key of the browser that came last: it is the one that takes calls.
            await session.execute(update(Account).where(Account.account_id == doctor_id)
                                  .values(certificate=row.pem))
            await audit.record(session, what="doctor.certified" if new else "doctor.certificate_used", who=doctor_id,
                               about=session_id, facts={"serial": row.serial}, at=now)
            return row.pem

    async def _first_use(self, row: Certificate) -> None:
        async with self._storage.session() as session:
            won = await session.scalar(update(Certificate).returning(Certificate.serial)
                                       .where(Certificate.serial == row.serial,
                                              Certificate.state == CertificateState.fresh.value)
                                       .values(state=CertificateState.active.value))
            if won is not None:
                await session.execute(update(Certificate).where(
                    Certificate.kind == row.kind, Certificate.subject_id == row.subject_id,
                    Certificate.serial != row.serial, Certificate.state == CertificateState.active.value)
                    .values(state=CertificateState.superseded.value))


def decode_health(stored: str) -> VehicleHealth | None:
    """The stored health; None when there is none, or it comes from another release's format."""
    try:
        return msgspec.json.decode(stored, type=VehicleHealth) if stored else None
    except msgspec.DecodeError:
        return None


async def _newest(session: AsyncSession, spki: str) -> Certificate | None:
    row: Certificate | None = await session.scalar(
        select(Certificate).where(Certificate.spki_sha256 == spki).order_by(Certificate.expires_at.desc()).limit(1))
    return row


def _common_name(pem: str) -> str:
    names = x509.load_pem_x509_certificate(pem.encode("ascii")).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value)
