"""Vehicles as IT support handles them: created with a one-time code, enrolled, renewed, listed, revoked.

Knows nothing of HTTP. Every method is one transaction; what it answers was committed before.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from protocol.accounts import CertificateIssued, Enrolled, Enrolment, VehicleCreated, VehicleRow, VehicleWanted
from protocol.values import Problem
from relay import audit
from relay.bus import Bus, VehicleRevoked
from relay.storage.base import Storage
from relay.storage.fleet import Certificate, EnrolmentCode, Vehicle

from .ca import Issued, IssuingAuthority, Subject, requested_key, spki_sha256
from .codes import CODE_LIFETIME, new_secret, secret_sha256, written
from .errors import CodeRefused, RequestRefused, VehicleUnknown
from .registry import USABLE, CertificateState, Registry, VehicleState, decode_health

CERTIFICATE_WARNING_DAYS = 30
"""A month to enrol a vehicle again: nothing renews its certificate by itself yet."""


class Fleet:
    """The fleet of one operator."""

    def __init__(self, storage: Storage, authority: IssuingAuthority, registry: Registry, bus: Bus, *,
                 vehicle_url: str, now: Callable[[], datetime]) -> None:
        """`vehicle_url`: address of the vehicles' listener, handed to each vehicle that enrols."""
        self._storage = storage
        self._authority = authority
        self._registry = registry
        self._bus = bus
        self._vehicle_url = vehicle_url
        self._now = now
        self.online: Callable[[], Collection[str]] = tuple
        """Identifiers of the vehicles that are connected now; set by the composition root."""

    async def create(self, wanted: VehicleWanted, *, by: str) -> VehicleCreated:
        """A new vehicle with its one-time code, which is answered once and kept as a hash."""
        # Lower-case base32 never starts with a hyphen, so it is safe as a command's argument.
        vehicle_id = "v" + base64.b32encode(secrets.token_bytes(5)).decode("ascii").lower()
        async with self._storage.session() as session:
            session.add(Vehicle(vehicle_id=vehicle_id, name=wanted.name.strip(), territory=wanted.territory.strip(),
                                state=VehicleState.expected.value, created_at=self._now(), created_by=by))
            await session.flush()
            await audit.record(session, what="vehicle.created", who=by, about=vehicle_id, at=self._now())
            created = self._add_code(session, vehicle_id)
        return created

    async def new_code(self, vehicle_id: str, *, by: str) -> VehicleCreated:
        """Another code for a vehicle whose code was lost or whose computer is replaced; older ones die."""
        async with self._storage.session() as session:
            await self._vehicle(session, vehicle_id)
            await session.execute(update(EnrolmentCode).where(EnrolmentCode.vehicle_id == vehicle_id,
                                                              EnrolmentCode.used_at.is_(None))
                                  .values(expires_at=self._now()))
            await audit.record(session, what="vehicle.code_made", who=by, about=vehicle_id, at=self._now())
            created = self._add_code(session, vehicle_id)
        return created

    async def enrol(self, enrolment: Enrolment) -> Enrolled:
        """Trades a one-time code and a request for a certificate.

        Raises `RequestRefused` (the code stays good) or `CodeRefused` with `enrol.code_malformed`,
        `enrol.code_unknown`, `enrol.code_used`, `enrol.code_expired`, `enrol.vehicle_revoked`.
        """
        secret = secret_sha256(enrolment.code)
        spki = spki_sha256(requested_key(enrolment.csr))
        now = self._now()
        async with self._storage.session() as session:
            vehicle = await self._spend(session, secret, now)
            await self._refuse_known_key(session, spki)
            issued = self._authority.issue_vehicle(enrolment.csr, vehicle_id=vehicle.vehicle_id,
                                                   name=vehicle.name, now=now)
            # Another computer in the same vehicle: the one before must not go on speaking for it.
            replaced = await _set_states(session, vehicle.vehicle_id, CertificateState.revoked)
            session.add(_certificate(issued, vehicle.vehicle_id, CertificateState.active, now))
            vehicle.state = VehicleState.active.value
            await audit.record(session, what="vehicle.enrolled", who=f"vehicle:{vehicle.vehicle_id}",
                               about=vehicle.vehicle_id, facts={"serial": issued.serial}, at=now)
        if replaced:
            await self._tell_revoked(vehicle.vehicle_id)
        return Enrolled(vehicle_id=vehicle.vehicle_id, name=vehicle.name, territory=vehicle.territory,
                        certificate=issued.certificate_pem, ca=self._authority.certificate_pem,
                        vehicle_url=self._vehicle_url)

    async def renew(self, vehicle_id: str, csr_pem: str) -> CertificateIssued:
        """A new certificate for a new key of a vehicle that is connected with its old one.

        Both work until the new one is used, so that a power cut between the two loses nothing.
        """
        spki = spki_sha256(requested_key(csr_pem))
        now = self._now()
        async with self._storage.session() as session:
            vehicle = await self._vehicle(session, vehicle_id)
            await self._refuse_known_key(session, spki)
            issued = self._authority.issue_vehicle(csr_pem, vehicle_id=vehicle_id, name=vehicle.name, now=now)
            session.add(_certificate(issued, vehicle_id, CertificateState.fresh, now))
            await audit.record(session, what="vehicle.renewed", who=f"vehicle:{vehicle_id}", about=vehicle_id,
                               facts={"serial": issued.serial}, at=now)
        return CertificateIssued(certificate=issued.certificate_pem, ca=self._authority.certificate_pem)

    async def revoke(self, vehicle_id: str, *, by: str) -> None:
        """Refuses the vehicle from now on and closes its connections; again is no error."""
        async with self._storage.session() as session:
            vehicle = await session.get(Vehicle, vehicle_id)
            if vehicle is None:
                raise VehicleUnknown("vehicle.unknown", vehicle=vehicle_id)
            if vehicle.state != VehicleState.revoked:
                vehicle.state = VehicleState.revoked.value
                vehicle.revoked_at = self._now()
            await _set_states(session, vehicle_id, CertificateState.revoked)
            await audit.record(session, what="vehicle.revoked", who=by, about=vehicle_id, at=self._now())
        await self._tell_revoked(vehicle_id)

    async def certify_doctor(self, *, doctor_id: str, name: str, session_id: str, csr_pem: str) -> CertificateIssued:
        """A certificate for the key in a signed-in doctor's browser. Raises `RequestRefused`."""
        pem = await self._registry.certify_doctor(doctor_id=doctor_id, name=name, session_id=session_id,
                                                  csr_pem=csr_pem)
        return CertificateIssued(certificate=pem, ca=self._authority.certificate_pem)

    async def rows(self) -> tuple[VehicleRow, ...]:
        """Every vehicle, by name, with what is wrong with it."""
        now = self._now()
        async with self._storage.reading() as session:
            vehicles = (await session.scalars(select(Vehicle).order_by(Vehicle.name, Vehicle.vehicle_id))).all()
            ends = {row.subject_id: row.expires_at for row in await session.scalars(
                select(Certificate).where(Certificate.kind == Subject.vehicle.value, Certificate.state.in_(USABLE))
                .order_by(Certificate.expires_at))}
        online = set(self.online())
        return tuple(_row(vehicle, ends.get(vehicle.vehicle_id), vehicle.vehicle_id in online, now)
                     for vehicle in vehicles)

    def _add_code(self, session: AsyncSession, vehicle_id: str) -> VehicleCreated:
        secret, now = new_secret(), self._now()
        session.add(EnrolmentCode(secret_sha256=secret_sha256(secret), vehicle_id=vehicle_id, created_at=now,
                                  expires_at=now + CODE_LIFETIME))
        return VehicleCreated(vehicle_id=vehicle_id, code=written(secret, self._authority.pin),
                              expires_at=now + CODE_LIFETIME)

    async def _spend(self, session: AsyncSession, secret: str, now: datetime) -> Vehicle:
        # One statement decides who wins; reading first would let two vehicles in.
        vehicle_id = await session.scalar(
            update(EnrolmentCode).returning(EnrolmentCode.vehicle_id)
            .where(EnrolmentCode.secret_sha256 == secret, EnrolmentCode.used_at.is_(None),
                   EnrolmentCode.expires_at > now)
            .values(used_at=now))
        if vehicle_id is None:
            code = await session.get(EnrolmentCode, secret)
            if code is None:
                raise CodeRefused("enrol.code_unknown")
            raise CodeRefused("enrol.code_used" if code.used_at is not None else "enrol.code_expired")
        vehicle = await session.get_one(Vehicle, vehicle_id)
        if vehicle.state == VehicleState.revoked:
            raise CodeRefused("enrol.vehicle_revoked")
        return vehicle

    @staticmethod
    async def _vehicle(session: AsyncSession, vehicle_id: str) -> Vehicle:
        vehicle = await session.get(Vehicle, vehicle_id)
        if vehicle is None:
            raise VehicleUnknown("vehicle.unknown", vehicle=vehicle_id)
        if vehicle.state == VehicleState.revoked:
            raise RequestRefused("vehicle.revoked")
        return vehicle

    @staticmethod
    async def _refuse_known_key(session: AsyncSession, spki: str) -> None:
        if await session.scalar(select(Certificate.serial).where(Certificate.spki_sha256 == spki).limit(1)):
            raise RequestRefused("csr.key_in_use")

    async def _tell_revoked(self, vehicle_id: str) -> None:
        await self._bus.publish(VehicleRevoked(vehicle_id=vehicle_id))


async def _set_states(session: AsyncSession, vehicle_id: str, state: CertificateState) -> int:
    """Puts all usable certificates of a vehicle in this state; how many there were."""
    changed = await session.scalars(
        update(Certificate).returning(Certificate.serial)
        .where(Certificate.kind == Subject.vehicle.value, Certificate.subject_id == vehicle_id,
               Certificate.state.in_(USABLE)).values(state=state.value))
    return len(changed.all())


def _certificate(issued: Issued, vehicle_id: str, state: CertificateState, now: datetime) -> Certificate:
    return Certificate(serial=issued.serial, spki_sha256=issued.spki_sha256, kind=Subject.vehicle.value,
                       subject_id=vehicle_id, state=state.value, pem=issued.certificate_pem, issued_at=now,
                       expires_at=issued.not_after)


def _row(vehicle: Vehicle, ends: datetime | None, online: bool, now: datetime) -> VehicleRow:
    health = decode_health(vehicle.health)
    days = (ends - now).days if ends is not None else None
    problems = health.problems if health is not None else ()
    if days is not None and days < CERTIFICATE_WARNING_DAYS:
        code = "certificate.expired" if days < 0 else "certificate.expires_soon"
        if all(problem.code != code for problem in problems):
            problems = (*problems, Problem(code=code, subject="certificate"))
    return VehicleRow(vehicle_id=vehicle.vehicle_id, name=vehicle.name, territory=vehicle.territory,
                      state=vehicle.state, online=online, last_seen=vehicle.last_seen,
                      release=health.release if health is not None else "", certificate_days=days,
                      problems=problems if vehicle.state != VehicleState.revoked else (),
                      call=health.call if health is not None else None)
