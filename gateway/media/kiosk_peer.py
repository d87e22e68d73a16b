"""The peer connection to the touchscreen's page, over loopback."""

from __future__ import annotations

from functools import partial

from .events import PeerEvents
from .forward import OPUS_RATE, VIDEO_RATE, Outlet, Route
from .hearing import MicrophoneInlet
from .hooks import GatewayConnection
from .peers import H264, OPUS, VP8, Peer, PeerOwner
from .picture_outlet import CameraOutlet

GUESTS_HEARD = 3
"""As many as a call takes (`relay.signalling.guest_book.GUESTS_AT_ONCE`)."""


class KioskPeer(Peer):
    """To the touchscreen's page on loopback: voice both ways, its own picture, the doctor's picture, and the guests:
    voices on lines 3, 5 and 6, the picture of the first of them on line 4; silent until there is one."""

    def __init__(self, connection: GatewayConnection, events: PeerEvents, owner: PeerOwner, route: Route,
                 camera: CameraOutlet) -> None:
        super().__init__(connection, events, owner)
        self.voice_in, self.voice_out = MicrophoneInlet(route), Outlet(route, OPUS_RATE)
        self.picture_out = Outlet(route, VIDEO_RATE, vp8=True)
        self.guest_voices = tuple(Outlet(route, OPUS_RATE) for _ in range(GUESTS_HEARD))
        self.guest_picture = Outlet(route, VIDEO_RATE, vp8=True)
        for outlet in (self.voice_out, self.picture_out, *self.guest_voices, self.guest_picture):
            outlet.broke = partial(self.fail, "forwarded")
        self.camera = camera
        self.inlets = (self.voice_in,)
        # Two streams: the doctor's lips go with the doctor's voice, the own picture waits for nobody.
        voice = connection.add("audio", "sendrecv", OPUS, stream="doctor", sending=self.voice_out, forwarded=True,
                               receiving=self.voice_in)
        own = connection.add("video", "sendonly", H264, stream="own", sending=camera)
        self.voice_in.bind(voice.receiver)
        self.voice_out.bind(voice.sender)
        camera.bind(own.sender)
        first, *others = self.guest_voices
        self._plays(connection, "video", "doctor", self.picture_out)
        self._plays(connection, "audio", "guest", first)
        self._plays(connection, "video", "guest", self.guest_picture)
        for number, other in enumerate(others, start=2):
            self._plays(connection, "audio", f"guest{number}", other)
        self._kinds = ("audio", "video", "video", "audio", "video", *("audio" for _ in others))

    @staticmethod
    def _plays(connection: GatewayConnection, kind: str, stream: str, outlet: Outlet) -> None:
        line = connection.add(kind, "sendonly", OPUS if kind == "audio" else VP8, stream=stream, sending=outlet,
                              forwarded=True)
        outlet.bind(line.sender)
