"""One attempt at a peer connection with the doctor's page: offer, verified answer, channels, end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from gateway.media.events import MediaError
from gateway.store import Store
from protocol.signalling import CallAnswer, CallCandidate, CallOffer
from protocol.values import DoctorCard, IceServer

from .attempt import Attempt
from .bindings import Expected, Signer, check_answer, offer_binding
from .delivery import Delivery, Situations
from .seams import Media, Peer, code_of

log = structlog.get_logger()


class Generation(Attempt[Peer, CallAnswer, CallCandidate]):
    """A generation of the call."""

    def __init__(self, *, number: int, call_id: str, encounter_id: str, doctor: DoctorCard,
                 ice_servers: Sequence[IceServer], moved: Callable[[], None], clock: Callable[[], float]) -> None:
        super().__init__("call", number, moved, clock)
        self.call_id = call_id
        self.encounter_id = encounter_id
        self.doctor = doctor
        self.delivery: Delivery | None = None
        self._ice_servers = ice_servers

    def channel_open(self, channel: str) -> None:
        """From the peer."""
        if self.delivery is not None:
            self.delivery.opened(channel)

    def channel_message(self, channel: str, data: str | bytes) -> None:
        """From the peer."""
        if self.delivery is not None:
            self.delivery.message(channel, data)

    async def run(self, media: Media, store: Store, desk: Situations, signer: Signer,
                  send: Callable[[CallOffer | CallCandidate], None]) -> None:
        """Offer, verify, deliver; returns when the connection is over. Raises BindingRefused.

        Nothing but the offer leaves before the answer's binding holds (I5).
        """

        async def lived(peer: Peer) -> None:
            sdp = await peer.offer()
            expected = Expected(self.call_id, self.number, self.doctor.doctor_id, peer.fingerprint)
            send(CallOffer(call_id=self.call_id, generation=self.number, sdp=sdp,
                           binding=offer_binding(signer, expected)))
            self._say = send
            answer = await self._answer
            if answer is not None:
                with self._refusing():
                    check_answer(answer, expected, signer)
                await self._deliver(peer, answer.sdp, store, desk)

        await self._live(media.doctor_peer(self._ice_servers, self), lived)

    async def _deliver(self, peer: Peer, sdp: str, store: Store, desk: Situations) -> None:
        self.delivery = Delivery(peer, store, self.encounter_id, desk, self._clock)
        try:
            await self._apply(peer, sdp)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self.delivery.run(), name="delivery")
                await self._closed.wait()
                running.cancel()
        except* MediaError as group:
            log.warning("call.media", codes=[code_of(error) for error in group.exceptions])
        finally:
            self.delivery = None

    def _our_candidate(self, candidate: str) -> CallCandidate:
        return CallCandidate(call_id=self.call_id, generation=self.number, candidate=candidate, sdp_mid="0")
