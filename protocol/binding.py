"""The signed binding of a DTLS fingerprint to a person or a vehicle (invariant I5).

Before any media flows each end signs this statement with the key of its certificate and checks
the other's. A relay that swaps a fingerprint, a certificate, a call or a generation breaks it.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from .values import Id, Pem, Struct

Fingerprint = Annotated[str, Meta(pattern=r"^([0-9A-F]{2}:){31}[0-9A-F]{2}$")]
"""SHA-256 fingerprint of a DTLS certificate as in SDP (RFC 8122, section 5), upper case."""


class Side(enum.StrEnum):
    """Which end signs."""

    vehicle = "vehicle"
    doctor = "doctor"


class Binding(Struct, frozen=True, kw_only=True):
    """A signed statement. `signature` is ECDSA P-256/SHA-256, raw r||s (IEEE P1363), base64.

    `peer_fingerprint` is empty in the vehicle's statement, which comes with the offer, and the
    vehicle's in the doctor's, which comes with the answer: the answer fits one offer only.
    """

    side: Side
    call_id: Id
    generation: int
    vehicle_id: Id
    doctor_id: Id
    fingerprint: Fingerprint
    peer_fingerprint: Annotated[str, Meta(pattern=r"^(([0-9A-F]{2}:){31}[0-9A-F]{2})?$")] = ""
    certificate: Pem
    signature: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{86}==$")]

    def signed_bytes(self) -> bytes:
        """The bytes under the signature."""
        return statement(side=self.side, call_id=self.call_id, generation=self.generation,
                         vehicle_id=self.vehicle_id, doctor_id=self.doctor_id,
                         fingerprint=self.fingerprint, peer_fingerprint=self.peer_fingerprint)


def statement(*, side: Side, call_id: str, generation: int, vehicle_id: str, doctor_id: str,
              fingerprint: str, peer_fingerprint: str = "") -> bytes:
    """The canonical text that is signed: one field a line, LF, ASCII; the first line is its domain."""
    return "\n".join(("passerelle dtls binding v1", side, call_id, str(generation), vehicle_id,
                      doctor_id, fingerprint, peer_fingerprint, "")).encode("ascii")


def sdp_fingerprints(sdp: str) -> set[str]:
    """All SHA-256 fingerprints in a session description, upper case; other hashes as `algorithm value`.

    A description is acceptable when this set has exactly one element and it fits the binding.
    """
    found = set()
    for line in sdp.splitlines():
        if line.lower().startswith("a=fingerprint:"):
            algorithm, _, value = line[len("a=fingerprint:"):].strip().partition(" ")
            found.add(value.strip().upper() if algorithm.lower() == "sha-256" else f"{algorithm} {value}")
    return found
