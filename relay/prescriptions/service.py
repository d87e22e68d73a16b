"""Prescriptions from draft to the patient's hand. Knows nothing of HTTP.

Laying out and signing are CPU-bound and run in threads, a few at a time; what is answered was
committed before.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from protocol.prescription import (
    STEPS,
    Prescriber,
    PrescriptionDraft,
    PrescriptionMentions,
    PrescriptionPrepared,
    PrescriptionState,
    PrescriptionStep,
    PrescriptionView,
)
from protocol.signalling import PrescriptionProgress, PrescriptionReady
from relay.audit import record
from relay.bus import Bus, TellVehicle
from relay.signalling.partners import ProgressRefused
from relay.storage.base import Storage
from relay.storage.calls import CallRow
from relay.storage.papers import PrescriptionDraftRow, PrescriptionRow, PrescriptionStepRow

from . import mentions
from .errors import Conflict, NotAllowed, Unknown
from .files import SignedFiles
from .page import PARIS, lay_out
from .secured_form import SECURED_FORM

if TYPE_CHECKING:
    from . import signature

DRAFT_LIFETIME = timedelta(minutes=30)
"""A doctor reads a page once more and signs; after half an hour the date and hour on it are not true any more."""

DRAFTS_OF_A_DOCTOR = 10
"""Each preview makes a draft. Past ten the oldest goes: nobody signs the tenth page but one."""

AFTER_CALL = timedelta(hours=1)
"""A prescription is written up soon after the examination, or in another call."""

_UNSEEN = {"synchronize_session": False}

LAYOUTS_AT_ONCE = 2
"""One layout takes 0.1 s of a core; more at once would only slow down signalling beside it."""


@dataclass(frozen=True, slots=True)
class Doctor:
    """Who writes: a doctor and the sign-in, whose browser holds the key."""

    doctor_id: str
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What prescriptions ask of their neighbours."""

    prescriber: Callable[[str], Awaitable[Prescriber]]
    """Mandatory mentions of a doctor, by identifier; LookupError when unknown."""
    certificate: Callable[[str], Awaitable[str | None]]
    """Certificate (PEM) of the key in the browser of a session; None when it has none."""
    ca_pem: str
    now: Callable[[], datetime]
    secured: frozenset[str] = field(default=SECURED_FORM)


class Prescriptions:
    """The prescriptions of one operator (`relay.signalling.partners.Prescriptions`)."""

    def __init__(self, storage: Storage, bus: Bus, sources: Sources, *, folder: Path, demo: bool) -> None:
        """`folder` keeps the signed pages."""
        self._storage = storage
        self._bus = bus
        self._from = sources
        self._files = SignedFiles(folder)
        self._demo = demo
        self._layouts = asyncio.Semaphore(LAYOUTS_AT_ONCE)

    async def warm(self) -> None:
        """Load the signature library now: a quarter of the relay's start, and no socket waits for it then."""
        await asyncio.to_thread(import_module, f"{__package__}.signature")

    async def check(self, draft: PrescriptionDraft, doctor: Doctor) -> PrescriptionMentions:
        """The checklist, without making anything; its code is `prescription.complete` when it can be signed."""
        prescriber = await self._from.prescriber(doctor.doctor_id)
        code, found = mentions.check(draft, prescriber, today=self._today(), secured=self._from.secured)
        return PrescriptionMentions(code=code, mentions=found)

    async def draft(self, draft: PrescriptionDraft, doctor: Doctor) -> PrescriptionPrepared:
        """Lays the page out with its empty signature and keeps it for `DRAFT_LIFETIME`.

        Raises `NotAcceptable` (mentions), `NotAllowed` (call, key).
        """
        prescriber = await self._from.prescriber(doctor.doctor_id)
        found = mentions.require(draft, prescriber, today=self._today(), secured=self._from.secured)
        vehicle_id = await self._vehicle_of_call(draft, doctor)
        certificate = await self._from.certificate(doctor.session_id)
        if certificate is None:
            raise NotAllowed("prescription.no_certificate")
        prescription_id = "p" + base64.b32encode(secrets.token_bytes(10)).decode("ascii").lower()
        async with self._layouts:
            prepared = await asyncio.to_thread(self._prepare, draft, prescriber, prescription_id, certificate)
        now = self._from.now()
        async with self._storage.session() as session:
            await self._make_room(session, doctor.doctor_id, now)
            session.add(PrescriptionDraftRow(
                prescription_id=prescription_id, encounter_id=draft.encounter_id, call_id=draft.call_id,
                vehicle_id=vehicle_id, doctor_id=doctor.doctor_id, doctor_name=prescriber.name,
                certificate=certificate, pdf=prepared.pdf, signed_attributes=prepared.to_be_signed,
                drugs=msgspec.json.encode([mentions.written(line)[:200] for line in draft.lines]).decode("utf-8"),
                byte_range=msgspec.json.encode(prepared.byte_range).decode("ascii"),
                expires_at=now + DRAFT_LIFETIME))
        return PrescriptionPrepared(
            prescription_id=prescription_id, pdf=base64.b64encode(prepared.pdf).decode("ascii"),
            byte_range=prepared.byte_range, to_be_signed=base64.b64encode(prepared.to_be_signed).decode("ascii"),
            mentions=found)

    async def sign(self, prescription_id: str, raw: bytes, doctor: Doctor) -> PrescriptionView:
        """Embeds the browser's signature (raw r||s), checks the page as a stranger would, stores it, tells the vehicle.

        The same prescription again answers what was stored: its first answer may have been lost.
        Raises `Conflict` (`prescription.expired`: the draft is too old or gone), `SignatureRefused`.
        """
        now = self._from.now()
        async with self._storage.reading() as session:
            draft = await session.get(PrescriptionDraftRow, prescription_id)
            stored = await session.get(PrescriptionRow, prescription_id)
            if stored is not None and stored.doctor_id == doctor.doctor_id:
                return await _viewed(session, stored)
        if draft is None or draft.doctor_id != doctor.doctor_id or draft.expires_at <= now:
            raise Conflict("prescription.expired")
        async with self._layouts:
            sha256 = await asyncio.to_thread(self._finish, draft, raw, now)
        async with self._storage.session() as session:
            won = await session.scalar(delete(PrescriptionDraftRow).returning(PrescriptionDraftRow.prescription_id)
                                       .where(PrescriptionDraftRow.prescription_id == prescription_id))
            if won is not None:
                await self._store(session, draft, sha256, now)
            view = await _viewed(session, await _of_doctor(session, prescription_id, doctor))
        if won is not None:
            await self._bus.publish(TellVehicle(vehicle_id=draft.vehicle_id, body=PrescriptionReady(
                prescription_id=prescription_id, encounter_id=draft.encounter_id, sha256=sha256)))
        return view

    async def page(self, prescription_id: str, doctor: Doctor) -> bytes:
        """The signed page, for the doctor who wrote it. Raises `Unknown`, `Unavailable`."""
        async with self._storage.session() as session:
            row = await _of_doctor(session, prescription_id, doctor)
            await record(session, what="prescription.read", who=doctor.doctor_id, about=prescription_id,
                         at=self._from.now())
        return await asyncio.to_thread(self._files.read, row.sha256)

    async def of_encounter(self, encounter_id: str, doctor: Doctor) -> tuple[PrescriptionView, ...]:
        """This doctor's prescriptions of an encounter, oldest first."""
        async with self._storage.reading() as session:
            rows = await session.scalars(
                select(PrescriptionRow).where(PrescriptionRow.encounter_id == encounter_id,
                                              PrescriptionRow.doctor_id == doctor.doctor_id)
                .order_by(PrescriptionRow.signed_at, PrescriptionRow.prescription_id))
            return tuple([await _viewed(session, row) for row in rows.all()])

    async def page_for_vehicle(self, prescription_id: str, vehicle_id: str) -> bytes:
        """The signed page, for the vehicle of its call. Raises `Unknown`, `Unavailable`."""
        async with self._storage.session() as session:
            row = await session.get(PrescriptionRow, prescription_id)
            if row is None or row.vehicle_id != vehicle_id:
                raise Unknown("prescription.unknown")
            await record(session, what="prescription.fetched", who=f"vehicle:{vehicle_id}", about=prescription_id,
                         at=self._from.now())
        return await asyncio.to_thread(self._files.read, row.sha256)

    async def waiting_for(self, vehicle_id: str) -> tuple[PrescriptionReady, ...]:
        """Signed prescriptions that this vehicle has not said to have, oldest first."""
        async with self._storage.reading() as session:
            rows = await session.scalars(
                select(PrescriptionRow).where(PrescriptionRow.vehicle_id == vehicle_id,
                                              PrescriptionRow.state == PrescriptionState.signed.value)
                .order_by(PrescriptionRow.signed_at))
            return tuple(PrescriptionReady(prescription_id=row.prescription_id, encounter_id=row.encounter_id,
                                           sha256=row.sha256) for row in rows)

    async def progressed(self, vehicle_id: str, progress: PrescriptionProgress) -> str:
        """Commits a step and answers the doctor who wrote the prescription; a step that was made changes nothing.

        Raises `ProgressRefused`: `prescription.unknown` (or another vehicle's), `prescription.step`.
        """
        async with self._storage.session() as session:
            row = await session.get(PrescriptionRow, progress.prescription_id)
            if row is None or (row.vehicle_id, row.encounter_id) != (vehicle_id, progress.encounter_id):
                raise ProgressRefused("prescription.unknown")
            made = await session.scalar(select(PrescriptionStepRow.step_id).where(
                PrescriptionStepRow.prescription_id == row.prescription_id,
                PrescriptionStepRow.state == progress.state.value, PrescriptionStepRow.at == progress.at))
            state = PrescriptionState(row.state)
            if made is not None or state is progress.state:
                return row.doctor_id
            if progress.state not in STEPS[state]:
                raise ProgressRefused("prescription.step")
            row.state = progress.state.value
            await _add_step(session, row.prescription_id, progress.state, progress.at, progress.code)
            await record(session, what=f"prescription.{progress.state}", who=f"vehicle:{vehicle_id}",
                         about=row.prescription_id, facts={"code": progress.code} if progress.code else None,
                         at=self._from.now())
            return row.doctor_id

    def _today(self) -> date:
        return self._from.now().astimezone(PARIS).date()

    async def _vehicle_of_call(self, draft: PrescriptionDraft, doctor: Doctor) -> str:
        async with self._storage.reading() as session:
            call = await session.scalar(select(CallRow).where(CallRow.encounter_id == draft.encounter_id)
                                        .order_by(CallRow.opened_at.desc()).limit(1))
        if call is None or (call.call_id, call.doctor_id) != (draft.call_id, doctor.doctor_id):
            raise NotAllowed("prescription.not_your_call")
        if call.ended_at is not None and call.ended_at + AFTER_CALL < self._from.now():
            raise NotAllowed("prescription.call_over")
        return call.vehicle_id

    def _prepare(self, draft: PrescriptionDraft, prescriber: Prescriber, prescription_id: str,
                 certificate: str) -> signature.Prepared:
        from . import signature
        now = self._from.now()
        page = lay_out(draft, prescriber, prescription_id=prescription_id, now=now, demo=self._demo)
        return signature.prepare(page, certificate_pem=certificate, name=prescriber.name,
                                 why=signature.reason(prescription_id, draft.encounter_id), now=now)

    def _finish(self, draft: PrescriptionDraftRow, raw: bytes, now: datetime) -> str:
        from . import signature
        prepared = signature.Prepared(draft.pdf, msgspec.json.decode(draft.byte_range, type=tuple[int, int, int, int]),
                                      draft.signed_attributes)
        signed = signature.embed(prepared, raw, certificate_pem=draft.certificate)
        signature.check(signed, certificate_pem=draft.certificate, ca_pem=self._from.ca_pem, now=now)
        return self._files.keep(signed)

    @staticmethod
    async def _make_room(session: AsyncSession, doctor_id: str, now: datetime) -> None:
        newest = (select(PrescriptionDraftRow.prescription_id).where(PrescriptionDraftRow.doctor_id == doctor_id)
                  .order_by(PrescriptionDraftRow.expires_at.desc()).limit(DRAFTS_OF_A_DOCTOR - 1))
        await session.execute(delete(PrescriptionDraftRow).where(or_(
            PrescriptionDraftRow.expires_at <= now,
            and_(PrescriptionDraftRow.doctor_id == doctor_id,
                 PrescriptionDraftRow.prescription_id.not_in(newest)))), execution_options=_UNSEEN)

    @staticmethod
    async def _store(session: AsyncSession, draft: PrescriptionDraftRow, sha256: str, now: datetime) -> None:
        session.add(PrescriptionRow(
            prescription_id=draft.prescription_id, encounter_id=draft.encounter_id, call_id=draft.call_id,
            vehicle_id=draft.vehicle_id, doctor_id=draft.doctor_id, doctor_name=draft.doctor_name,
            drugs=draft.drugs, sha256=sha256, state=PrescriptionState.signed.value, signed_at=now))
        await session.flush()
        await _add_step(session, draft.prescription_id, PrescriptionState.signed, now, None)
        await record(session, what="prescription.signed", who=draft.doctor_id, about=draft.prescription_id,
                     facts={"encounter": draft.encounter_id, "vehicle": draft.vehicle_id, "sha256": sha256}, at=now)


async def _of_doctor(session: AsyncSession, prescription_id: str, doctor: Doctor) -> PrescriptionRow:
    row = await session.get(PrescriptionRow, prescription_id)
    if row is None or row.doctor_id != doctor.doctor_id:
        raise Unknown("prescription.unknown")
    return row


async def _add_step(session: AsyncSession, prescription_id: str, state: PrescriptionState, at: datetime,
                    code: str | None) -> None:
    last = await session.scalar(select(func.max(PrescriptionStepRow.position))
                                .where(PrescriptionStepRow.prescription_id == prescription_id))
    session.add(PrescriptionStepRow(prescription_id=prescription_id, position=0 if last is None else last + 1,
                                    state=state.value, at=at, code=code))


async def _viewed(session: AsyncSession, row: PrescriptionRow) -> PrescriptionView:
    await session.flush()
    steps = await session.scalars(select(PrescriptionStepRow)
                                  .where(PrescriptionStepRow.prescription_id == row.prescription_id)
                                  .order_by(PrescriptionStepRow.position))
    return PrescriptionView(
        prescription_id=row.prescription_id, encounter_id=row.encounter_id, state=PrescriptionState(row.state),
        sha256=row.sha256, doctor=row.doctor_name, drugs=msgspec.json.decode(row.drugs, type=tuple[str, ...]),
        steps=tuple(PrescriptionStep(state=PrescriptionState(step.state), at=step.at, code=step.code)
                    for step in steps))
