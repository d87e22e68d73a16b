"""One attempt at a peer connection with a guest's page: offer, verified answer, end."""

from __future__ import annotations

from collections.abc import Callable

from protocol.binding import Side
from protocol.guest_signalling import GuestAnswer, GuestCandidate, GuestEntered, GuestOffer

from .attempt import Attempt
from .guest_bindings import GuestExpected, check_guest_answer, guest_offer_binding
from .seams import GuestLine, Media

Said = GuestOffer | GuestCandidate


class GuestGeneration(Attempt[GuestLine, GuestAnswer, GuestCandidate]):
    """A generation of the guest's pair with the vehicle. It has no channels."""

    def __init__(self, entered: GuestEntered, key: bytes, moved: Callable[[], None],
                 clock: Callable[[], float]) -> None:
        super().__init__("guest", entered.generation, moved, clock)
        self._entered = entered
        self._key = key

    async def run(self, media: Media, send: Callable[[Said], None]) -> None:
        """Offer, verify, let media flow; returns when the connection is over. Raises BindingRefused.

        Nothing but the offer leaves before the answer's binding holds (I5).
        """

        async def lived(peer: GuestLine) -> None:
            sdp = await peer.offer()
            expected = GuestExpected(self._entered.call_id, self._entered.guest.guest_id, self.number,
                                     peer.fingerprint, self._key)
            send(GuestOffer(call_id=expected.call_id, guest_id=expected.guest_id, generation=self.number, sdp=sdp,
                            binding=guest_offer_binding(expected)))
            self._say = send
            answer = await self._answer
            if answer is not None:
                with self._refusing():
                    check_guest_answer(answer, expected)
                await self._apply(peer, answer.sdp)
                await self._closed.wait()

        await self._live(media.guest_peer(self._entered.ice_servers, self), lived)

    def _our_candidate(self, candidate: str) -> GuestCandidate:
        return GuestCandidate(call_id=self._entered.call_id, guest_id=self._entered.guest.guest_id,
                              host=Side.vehicle, generation=self.number, candidate=candidate, sdp_mid="0")
