"""What signalling asks of its neighbours; `relay.fleet` and `relay.prescriptions` implement it."""

from __future__ import annotations

import enum
from typing import Protocol

from protocol.signalling import PrescriptionProgress, PrescriptionReady, VehicleHealth
from protocol.values import Id, Sha256, Struct, VehicleCard


class DeviceStanding(enum.StrEnum):
    """Whether a device key may speak for its vehicle."""

    active = "active"
    revoked = "revoked"
    unknown = "unknown"


class DeviceState(Struct, frozen=True, kw_only=True):
    """What the registry says of a device key. `vehicle_id` is empty when it is unknown."""

    standing: DeviceStanding
    vehicle_id: str = ""


class Registry(Protocol):
    """The fleet's registry (`relay.fleet.registry`). Deny by default."""

    async def device_state(self, spki_sha256: Sha256) -> DeviceState:
        """Look up a device key by the SHA-256 of its SubjectPublicKeyInfo (DER)."""

    async def vehicle_card(self, vehicle_id: Id) -> VehicleCard:
        """The card doctors see, with the vehicle's certificate. LookupError: unknown vehicle."""

    async def seen(self, vehicle_id: Id) -> None:
        """The vehicle connected or is leaving now: keep the moment as `last_seen`."""

    async def health(self, vehicle_id: Id, health: VehicleHealth) -> None:
        """Keep what the vehicle says of itself."""


class ProgressRefused(Exception):
    """A step of a prescription that is not this vehicle's or may not follow; `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Prescriptions(Protocol):
    """The prescriptions' service (`relay.prescriptions`)."""

    async def progressed(self, vehicle_id: Id, progress: PrescriptionProgress) -> Id:
        """Commit a step and answer the doctor who wrote it; the same step again changes nothing.

        ProgressRefused when it is another vehicle's or the step is not in `STEPS`.
        """

    async def waiting_for(self, vehicle_id: Id) -> tuple[PrescriptionReady, ...]:
        """Signed prescriptions that this vehicle has not said to have."""
