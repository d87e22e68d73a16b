"""`passerelle-gateway export-stills`: an encounter's stills as DICOM files, to hand over to a hospital's archive."""

from __future__ import annotations

import asyncio
import tomllib
from collections import Counter
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from protocol.readings import Still, StillTaken

from . import durable_file
from .exits import ExitCode, StartRefused, of_os_error
from .peripherals.errors import PeripheralError
from .peripherals.pictures.dicom_still import Optics, Study, instance
from .store import Store, StoreConflict, StoreError
from .store.records import EncounterRecord
from .store.store import DATABASE

LAST = "last"
"""In place of an encounter's identifier: the one that was closed last."""


def run(data: Path, encounter_id: str, out: Path, optics_file: Path | None = None) -> list[dict[str, Any]]:
    """Write one file a still, named by its SOP Instance UID's still; what was written, for the person who asked.

    StartRefused: unknown directory or encounter, a gateway that runs on the directory, a full disk, a bad optics file.
    """
    optics = read_optics(optics_file) if optics_file is not None else {}
    if not (data / DATABASE).is_file():
        raise StartRefused(ExitCode.cannot_create, f"{data} holds no vehicle's memory; check --data.")
    try:
        record, stills = asyncio.run(_stills(data, encounter_id))
    except StoreError as error:
        words = ("the gateway runs on this directory; stop it, or export from a copy"
                 if error.code == "store.in_use" else "the vehicle's memory cannot be read")
        raise StartRefused(ExitCode.unavailable, f"{words} ({error.code}).") from error
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _write(record, stills, out, optics)
    except OSError as error:
        raise of_os_error(error, "export-stills") from error


def read_optics(path: Path) -> dict[str, Optics]:
    """A TOML file: one table an instrument, its keys those of `Optics`. StartRefused names the mistake."""
    try:
        tables = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StartRefused(ExitCode.configuration, f"{path}: {type(error).__name__}; it is to be TOML.") from error
    known = {field.name for field in fields(Optics)}
    found = {}
    for name, table in tables.items():
        if not isinstance(table, dict) or (unknown := sorted(set(table) - known)):
            what = f"unknown key {unknown[0]!r}" if isinstance(table, dict) else "not a table"
            raise StartRefused(ExitCode.configuration, f"{path}: [{name}]: {what}.")
        try:
            found[name] = Optics(**{key: _value(key, value) for key, value in table.items()})
        except (TypeError, ValueError, ArithmeticError) as error:
            raise StartRefused(ExitCode.configuration, f"{path}: [{name}]: {error}.") from error
    return found


def _value(key: str, value: Any) -> Any:
    wanted: tuple[type, ...] = {"dermoscope": (bool,), "polarized": (bool,), "contact": (bool,),
                                "colour_temperature_k": (int,), "magnification": (int, float)}.get(key, (str,))
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted != (bool,)):
        raise ValueError(f"{key} is of the wrong kind")
    return Decimal(str(value)) if key == "magnification" else value


async def _stills(data: Path, encounter_id: str) -> tuple[EncounterRecord, list[tuple[Still, bytes]]]:
    async with Store(data) as store:
        record = (await store.encounters.last_closed() if encounter_id == LAST
                  else await store.encounters.get(encounter_id))
        if record is None:
            raise StartRefused(ExitCode.usage, "there is no such encounter in this memory; check --encounter.")
        found: list[tuple[Still, bytes]] = []
        seq = 0
        while events := await store.events.after(record.encounter_id, seq):
            seq = events[-1].seq
            for event in events:
                if isinstance(event.body, StillTaken):
                    found.append((event.body.still, await _bytes(store, event.body.still)))
        return record, found


async def _bytes(store: Store, still: Still) -> bytes:
    try:
        return await store.stills.data(still.still_id)
    except StoreConflict as error:
        raise StoreError("store.corrupt", error.code) from error


def _write(record: EncounterRecord, stills: list[tuple[Still, bytes]], out: Path,
           optics: dict[str, Optics]) -> list[dict[str, Any]]:
    study = Study(record.encounter_id, record.patient, record.opened_at)
    numbers: Counter[str] = Counter()
    written: list[dict[str, Any]] = []
    for still, jpeg in stills:
        device = still.device.device_id
        numbers[device] += 1
        try:
            file = instance(still, jpeg, study, numbers[device], optics.get(device))
        except PeripheralError as error:
            # The others still go; the person reads which one did not and why.
            written.append({"still": still.still_id, "instrument": device, "error": error.code})
            continue
        path = out / f"{still.still_id}.dcm"
        durable_file.write(path, file)
        written.append({"still": still.still_id, "instrument": device, "file": str(path), "bytes": len(file)})
    return written
