"""The sealed fingerprints between the vehicle and a guest (I5): ours made, the guest's checked. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from protocol.binding import Side, sdp_fingerprints
from protocol.guest_signalling import GuestAnswer
from protocol.guests import GuestBinding, GuestKey, seal

from .errors import BindingRefused


@dataclass(frozen=True, slots=True)
class GuestExpected:
    """The attempt an answer has to fit. `key`: the link's, 32 octets; it is shown in no log."""

    call_id: str
    guest_id: str
    generation: int
    our_fingerprint: str
    key: bytes

    def __repr__(self) -> str:
        return f"GuestExpected({self.call_id}, {self.guest_id}, {self.generation})"


def octets(key: GuestKey) -> bytes:
    """The 32 octets of a key (RFC 4648, section 5)."""
    return base64.urlsafe_b64decode(key + "=")


def guest_offer_binding(expected: GuestExpected) -> GuestBinding:
    """Our statement, which goes with the offer."""
    return GuestBinding(
        host=Side.vehicle, by_guest=False, call_id=expected.call_id, guest_id=expected.guest_id,
        generation=expected.generation, fingerprint=expected.our_fingerprint, mac=seal(
            expected.key, host=Side.vehicle, by_guest=False, call_id=expected.call_id, guest_id=expected.guest_id,
            generation=expected.generation, fingerprint=expected.our_fingerprint))


def check_guest_answer(answer: GuestAnswer, expected: GuestExpected) -> None:
    """BindingRefused unless the answer was made by who holds the link, for this very offer.

    `binding.statement`: it speaks of another attempt; `fingerprint.mismatch`: the description or the offer was
    swapped under way; `binding.signature`: the statement was changed, or the key is another one.
    """
    binding = answer.binding
    ours = (expected.call_id, expected.guest_id, expected.generation)
    if (answer.call_id, answer.guest_id, answer.generation) != ours \
            or (binding.host, binding.by_guest) != (Side.vehicle, True) \
            or (binding.call_id, binding.guest_id, binding.generation) != ours:
        raise BindingRefused("binding.statement")
    if binding.peer_fingerprint != expected.our_fingerprint or sdp_fingerprints(answer.sdp) != {binding.fingerprint}:
        raise BindingRefused("fingerprint.mismatch")
    if not binding.holds(expected.key):
        raise BindingRefused("binding.signature")
