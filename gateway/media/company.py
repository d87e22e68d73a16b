"""Who is in the call, and who hears and sees whom."""

from __future__ import annotations

from collections.abc import Iterable

from .events import PeerState
from .forward import Inlet, Outlet
from .kiosk_peer import KioskPeer
from .peers import Peer
from .remote_peers import DoctorPeer, GuestPeer, RemotePeer

THERE = (PeerState.connected, PeerState.interrupted)
"""A peer in these states is in the call."""


class Company:
    """The peers of now. Implements `forward.Route`."""

    def __init__(self) -> None:
        self.doctors: list[DoctorPeer] = []
        self.guests: list[GuestPeer] = []
        self.kiosk: KioskPeer | None = None
        self.muted = False
        """Nothing of the microphone goes to anybody."""

    @property
    def speaker(self) -> DoctorPeer | None:
        """The newest connected doctor."""
        live = [doctor for doctor in self.doctors if doctor.state in THERE]
        return live[-1] if live else None

    @property
    def visitors(self) -> list[GuestPeer]:
        """The connected guests, the newest first."""
        return [guest for guest in reversed(self.guests) if guest.state in THERE]

    @property
    def remotes(self) -> list[RemotePeer]:
        """Everybody beyond the uplink."""
        return [*self.doctors, *self.guests]

    @property
    def everybody(self) -> list[Peer]:
        """With the touchscreen."""
        return [*self.remotes, *([self.kiosk] if self.kiosk is not None else [])]

    def forget(self, peer: Peer) -> None:
        """It is over."""
        if peer is self.kiosk:
            self.kiosk = None
        elif isinstance(peer, DoctorPeer) and peer in self.doctors:
            self.doctors.remove(peer)
        elif isinstance(peer, GuestPeer) and peer in self.guests:
            self.guests.remove(peer)

    def targets(self, inlet: Inlet) -> Iterable[Outlet]:
        """The kiosk's voice to every doctor and guest; the newest connected doctor and every guest to the kiosk, the
        newest guest with its picture. A doctor and a guest have a connection of their own."""
        kiosk = self.kiosk
        if kiosk is None:
            return ()
        if inlet is kiosk.voice_in:
            return [] if self.muted else [peer.voice_out for peer in self.remotes]
        doctor = self.speaker
        if doctor is not None and inlet is doctor.voice_in:
            return (kiosk.voice_out,)
        if doctor is not None and inlet is doctor.picture_in:
            return (kiosk.picture_out,)
        for guest, voice_out in zip(self.visitors, kiosk.guest_voices, strict=False):
            if inlet is guest.voice_in:
                return (voice_out,)
            if inlet is guest.picture_in:
                return (kiosk.guest_picture,) if voice_out is kiosk.guest_voices[0] else ()
        return ()

    def source(self, outlet: Outlet) -> Inlet | None:
        """Whose picture the kiosk shows."""
        doctor, guests = self.speaker, self.visitors
        if doctor is not None and self.kiosk is not None and outlet is self.kiosk.picture_out:
            return doctor.picture_in
        if guests and self.kiosk is not None and outlet is self.kiosk.guest_picture:
            return guests[0].picture_in
        return None
