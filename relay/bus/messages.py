"""Messages of the bus, frozen and small enough for any broker."""

from __future__ import annotations

from protocol.signalling import PrescriptionProgress, PrescriptionReady
from protocol.values import Code, Id, Struct


class AccountEnded(Struct, tag="account_ended", frozen=True, kw_only=True):
    """A person signed out or was disabled: their sockets close now.

    `session_id` limits it to one sign-in; None: all of the account.
    """

    account_id: Id
    session_id: Id | None = None
    code: Code


class VehicleRevoked(Struct, tag="vehicle_revoked", frozen=True, kw_only=True):
    """A vehicle's certificate no longer counts: its sockets close now."""

    vehicle_id: Id
    code: Code = "vehicle.revoked"


class VehicleChanged(Struct, tag="vehicle_changed", frozen=True, kw_only=True):
    """A vehicle's card (name, territory, certificate) is another one now."""

    vehicle_id: Id


class TellVehicle(Struct, tag="tell_vehicle", frozen=True, kw_only=True):
    """Send this to a vehicle, if it is there; who is not learns it at its next start from snapshots."""

    vehicle_id: Id
    body: PrescriptionReady


class TellDoctor(Struct, tag="tell_doctor", frozen=True, kw_only=True):
    """Send this to a doctor's page, if it is there."""

    doctor_id: Id
    body: PrescriptionProgress


Message = AccountEnded | VehicleRevoked | VehicleChanged | TellVehicle | TellDoctor
