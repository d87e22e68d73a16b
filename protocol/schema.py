"""JSON Schema (2020-12) of everything that crosses a wire; the web client's types are made from it.

`python -m protocol.schema` prints it. A test holds the committed copy in `web_client/src/protocol`.
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

import msgspec

from . import (
    SUBPROTOCOL,
    VERSION,
    accounts,
    binding,
    body_sites,
    channels,
    guests,
    kiosk,
    kiosk_commands,
    limits,
    prescription,
    readings,
    signalling,
)

ROOTS: dict[str, Any] = {
    "FrameFromDoctor": signalling.FrameFromDoctor,
    "FrameToDoctor": signalling.FrameToDoctor,
    "FrameFromGuest": signalling.FrameFromGuest,
    "FrameToGuest": signalling.FrameToGuest,
    "FrameFromVehicle": signalling.FrameFromVehicle,
    "FrameToVehicle": signalling.FrameToVehicle,
    "ControlToDoctor": channels.ToDoctor,
    "ControlToVehicle": channels.ToVehicle,
    "KioskMessage": kiosk.KioskMessage,
    "KioskCommand": kiosk_commands.KioskCommand,
    "Binding": binding.Binding,
    "Event": readings.Event,
}
"""The messages of the three conversations, by the name the web client gives them."""

BODIES = (
    accounts.ErrorBody, accounts.SignIn, accounts.Me, accounts.Token, accounts.CertificateRequest,
    accounts.CertificateIssued, accounts.VehicleCreated, accounts.VehicleWanted, accounts.VehicleRow,
    accounts.Enrolment, accounts.Enrolled, prescription.PrescriptionDraft, prescription.PrescriptionPrepared,
    prescription.PrescriptionMentions, prescription.PrescriptionSignature, prescription.PrescriptionView,
    guests.GuestWanted, guests.GuestInvitation, guests.GuestKnock, guests.GuestDoor,
)
"""Bodies of the HTTP interfaces."""


def schema() -> dict[str, Any]:
    """The whole wire: `$defs` by name, and the constants that both ends know under `x-constants`."""
    everything = (*ROOTS.values(), *BODIES)
    roots, definitions = msgspec.json.schema_components(everything, ref_template="#/$defs/{name}")
    for (name, _), root in zip(ROOTS.items(), roots, strict=False):
        if "$ref" not in root:
            definitions[name] = {"title": name, **root}
    for definition in definitions.values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Passerelle",
        "x-constants": constants(),
        "$defs": dict(sorted(definitions.items())),
    }


def constants() -> dict[str, Any]:
    """Numbers and names that both ends of a wire know, JSON values."""
    caps = {name: value for name, value in vars(limits).items() if name.isupper()}
    return {
        "VERSION": VERSION,
        "SUBPROTOCOL": SUBPROTOCOL,
        "CONTROL": channels.CONTROL,
        "WAVEFORM": channels.WAVEFORM,
        "BULK": channels.BULK,
        "PART_MAGIC": channels.PART_MAGIC,
        "CHUNK_MAGIC": readings.CHUNK_MAGIC,
        "BODY_SITES": body_sites.as_constants(),
        "PRESCRIPTION_STEPS": {str(state): sorted(nexts) for state, nexts in prescription.STEPS.items()},
        **dict(sorted(caps.items())),
    }


def text() -> str:
    """The schema as the committed file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
