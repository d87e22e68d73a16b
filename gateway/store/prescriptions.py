"""Prescriptions on the vehicle: bytes, state, steps. Each step is posted to the relay in the same commit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from protocol.prescription import STEPS, PrescriptionState, PrescriptionStep, PrescriptionView
from protocol.signalling import PrescriptionProgress

from .errors import StoreConflict
from .files import Shelf
from .outbox import post
from .writer import Connection, Row, Writer

_drugs: msgspec.json.Decoder[tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...])


class Prescriptions:
    """Rows of `prescriptions` and `prescription_steps`, and their files.

    `changed` is called in the event loop, after the commit, with the encounter's identifier.
    """

    def __init__(self, writer: Writer, shelf: Shelf) -> None:
        self._writer = writer
        self._shelf = shelf
        self.changed: Callable[[str], None] = lambda _: None

    async def arrived(self, prescription_id: str, encounter_id: str, pdf: bytes, at: datetime, *,
                      doctor: str = "", drugs: tuple[str, ...] = ()) -> PrescriptionView:
        """Commit the verified bytes: file, then row with `signed` behind it and the step `arrived`.

        Again with the same bytes: the stored view. Raises StoreConflict(`prescription.other_bytes`,
        `encounter.unknown`), StoreError.
        """
        sha256 = await self._shelf.put(pdf)
        return await self._enter(prescription_id, encounter_id, sha256, doctor, drugs,
                                 PrescriptionStep(state=PrescriptionState.arrived, at=at))

    async def refused(self, prescription_id: str, encounter_id: str, code: str, at: datetime) -> PrescriptionView:
        """Commit that its bytes or its signer were not accepted; the bytes are not kept.

        Raises StoreConflict(`prescription.step` when it was accepted before), StoreError.
        """
        return await self._enter(prescription_id, encounter_id, None, "", (),
                                 PrescriptionStep(state=PrescriptionState.refused, at=at, code=code))

    async def step(self, prescription_id: str, state: PrescriptionState, at: datetime,
                   code: str | None = None) -> PrescriptionView:
        """Commit one step of `protocol.prescription.STEPS`.

        Raises StoreConflict(`prescription.step`, `prescription.unknown`), StoreError.
        """
        def work(connection: Connection) -> PrescriptionView:
            view = _require(connection, prescription_id)
            if state not in STEPS[view.state]:
                raise StoreConflict("prescription.step")
            _step(connection, view, PrescriptionStep(state=state, at=at, code=code))
            return _require(connection, prescription_id)
        return self._said(await self._writer.run(work))

    async def get(self, prescription_id: str) -> PrescriptionView | None:
        """One prescription. Raises StoreError."""
        return await self._writer.run(lambda connection: _view(connection, prescription_id))

    async def of_encounter(self, encounter_id: str) -> tuple[PrescriptionView, ...]:
        """The prescriptions of an encounter in the order they came. Raises StoreError."""
        return await self._writer.run(lambda connection: views(connection, encounter_id))

    async def in_state(self, state: PrescriptionState) -> tuple[PrescriptionView, ...]:
        """All in one state: at start, those a cut left in `arrived` or `printing`. Raises StoreError."""
        def work(connection: Connection) -> tuple[PrescriptionView, ...]:
            rows = connection.execute("SELECT * FROM prescriptions WHERE state = ? ORDER BY rowid", (state,)).fetchall()
            return tuple(_from_row(connection, row) for row in rows)
        return await self._writer.run(work)

    async def pdf(self, prescription_id: str) -> bytes:
        """Its bytes, checked against their hash. Raises StoreConflict(`prescription.unknown`), StoreError."""
        view = await self.get(prescription_id)
        if view is None or view.sha256 is None:
            raise StoreConflict("prescription.unknown")
        return await self._shelf.read(view.sha256)

    async def _enter(self, prescription_id: str, encounter_id: str, sha256: str | None, doctor: str,
                     drugs: tuple[str, ...], step: PrescriptionStep) -> PrescriptionView:
        def work(connection: Connection) -> PrescriptionView:
            known = _view(connection, prescription_id)
            if known is not None:
                return _same(known, encounter_id, sha256)
            fresh = PrescriptionView(prescription_id=prescription_id, encounter_id=encounter_id, sha256=sha256,
                                     state=PrescriptionState.signed, steps=(), doctor=doctor, drugs=drugs)
            owner = connection.execute("SELECT 1 FROM encounters WHERE encounter_id = ?", (encounter_id,)).fetchone()
            if owner is None and sha256 is None:
                # Refused because the encounter is none of ours: the relay hears of it, no row can.
                _post(connection, fresh, step)
                return msgspec.structs.replace(fresh, state=step.state, steps=(step,))
            if owner is None:
                raise StoreConflict("encounter.unknown")
            connection.execute("INSERT INTO prescriptions (prescription_id, encounter_id, state, sha256, doctor, "
                               "drugs) VALUES (?, ?, ?, ?, ?, ?)",
                               (prescription_id, encounter_id, fresh.state, sha256, doctor,
                                msgspec.json.encode(drugs)))
            _step(connection, fresh, step)
            return _require(connection, prescription_id)
        return self._said(await self._writer.run(work))

    def _said(self, view: PrescriptionView) -> PrescriptionView:
        self.changed(view.encounter_id)
        return view


def views(connection: Connection, encounter_id: str) -> tuple[PrescriptionView, ...]:
    """The prescriptions of an encounter, inside a transaction."""
    rows = connection.execute("SELECT * FROM prescriptions WHERE encounter_id = ? ORDER BY rowid",
                              (encounter_id,)).fetchall()
    return tuple(_from_row(connection, row) for row in rows)


def _same(known: PrescriptionView, encounter_id: str, sha256: str | None) -> PrescriptionView:
    if sha256 is None and known.state is PrescriptionState.refused:
        return known
    if sha256 is None:
        raise StoreConflict("prescription.step")
    if (known.sha256, known.encounter_id) != (sha256, encounter_id):
        raise StoreConflict("prescription.other_bytes")
    return known


def _step(connection: Connection, view: PrescriptionView, step: PrescriptionStep) -> None:
    connection.execute("UPDATE prescriptions SET state = ? WHERE prescription_id = ?",
                       (step.state, view.prescription_id))
    connection.execute("INSERT INTO prescription_steps (prescription_id, n, state, at, code) VALUES (?, ?, ?, ?, ?)",
                       (view.prescription_id, len(view.steps) + 1, step.state, step.at.isoformat(), step.code))
    _post(connection, view, step)


def _post(connection: Connection, view: PrescriptionView, step: PrescriptionStep) -> None:
    post(connection, PrescriptionProgress(prescription_id=view.prescription_id, encounter_id=view.encounter_id,
                                          state=step.state, at=step.at, code=step.code))


def _view(connection: Connection, prescription_id: str) -> PrescriptionView | None:
    row = connection.execute("SELECT * FROM prescriptions WHERE prescription_id = ?", (prescription_id,)).fetchone()
    return _from_row(connection, row) if row is not None else None


def _require(connection: Connection, prescription_id: str) -> PrescriptionView:
    view = _view(connection, prescription_id)
    if view is None:
        raise StoreConflict("prescription.unknown")
    return view


def _from_row(connection: Connection, row: Row) -> PrescriptionView:
    steps = connection.execute("SELECT state, at, code FROM prescription_steps WHERE prescription_id = ? ORDER BY n",
                               (row["prescription_id"],)).fetchall()
    return PrescriptionView(
        prescription_id=row["prescription_id"], encounter_id=row["encounter_id"],
        state=PrescriptionState(row["state"]), sha256=row["sha256"],
        steps=tuple(PrescriptionStep(state=PrescriptionState(step["state"]), at=datetime.fromisoformat(step["at"]),
                                     code=step["code"]) for step in steps),
        doctor=row["doctor"], drugs=_drugs.decode(row["drugs"]))
