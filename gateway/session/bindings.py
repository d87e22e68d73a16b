"""The signed fingerprints of a call (I5): ours made, the doctor's checked. Pure but for the injected signer."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from protocol.binding import Binding, Side, sdp_fingerprints, statement
from protocol.signalling import CallAnswer

from .errors import BindingRefused

COORDINATE_BYTES = 32
"""Length of r and of s on P-256 (IEEE P1363)."""


class Signer(Protocol):
    """The vehicle's identity (`gateway.identity.DeviceIdentity`)."""

    vehicle_id: str
    certificate_pem: str

    def sign(self, statement: bytes) -> bytes:
        """ECDSA P-256/SHA-256, raw r||s."""

    def verify_doctor(self, certificate_pem: str, doctor_id: str) -> ec.EllipticCurvePublicKey:
        """The key of this doctor's certificate; raises an error with a `code` when it does not hold now."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The call an answer has to fit."""

    call_id: str
    generation: int
    doctor_id: str
    our_fingerprint: str


def offer_binding(signer: Signer, expected: Expected) -> Binding:
    """Our statement, which goes with the offer."""
    signature = signer.sign(statement(
        side=Side.vehicle, call_id=expected.call_id, generation=expected.generation, vehicle_id=signer.vehicle_id,
        doctor_id=expected.doctor_id, fingerprint=expected.our_fingerprint))
    return Binding(side=Side.vehicle, call_id=expected.call_id, generation=expected.generation,
                   vehicle_id=signer.vehicle_id, doctor_id=expected.doctor_id, fingerprint=expected.our_fingerprint,
                   certificate=signer.certificate_pem, signature=base64.b64encode(signature).decode())


def check_answer(answer: CallAnswer, expected: Expected, signer: Signer) -> None:
    """BindingRefused unless the answer was made by the doctor of this call, for this very offer.

    `binding.statement`: it speaks of another call; `binding.doctor`: another doctor; `binding.certificate…`:
    not one of the operator's; `fingerprint.mismatch`: the description or the offer was swapped under way;
    `binding.signature`: the statement was changed.
    """
    binding = answer.binding
    if (answer.call_id, answer.generation) != (expected.call_id, expected.generation):
        raise BindingRefused("binding.statement")
    if (binding.side, binding.call_id, binding.generation, binding.vehicle_id) != (
            Side.doctor, expected.call_id, expected.generation, signer.vehicle_id):
        raise BindingRefused("binding.statement")
    if binding.doctor_id != expected.doctor_id:
        raise BindingRefused("binding.doctor")
    if binding.peer_fingerprint != expected.our_fingerprint or sdp_fingerprints(answer.sdp) != {binding.fingerprint}:
        raise BindingRefused("fingerprint.mismatch")
    key = _key(binding, signer)
    raw = base64.b64decode(binding.signature)
    try:
        key.verify(encode_dss_signature(int.from_bytes(raw[:COORDINATE_BYTES]), int.from_bytes(raw[COORDINATE_BYTES:])),
                   binding.signed_bytes(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise BindingRefused("binding.signature") from None


def _key(binding: Binding, signer: Signer) -> ec.EllipticCurvePublicKey:
    try:
        return signer.verify_doctor(binding.certificate, binding.doctor_id)
    except Exception as error:
        # Whatever the identity's reason (expired, foreign, another subject), the code travels, no text does.
        reason = getattr(error, "code", None)
        if not isinstance(reason, str):
            raise
        raise BindingRefused("binding.certificate", reason=reason) from error
