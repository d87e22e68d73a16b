"""Third persons at the media engine, played by the library, over real sockets on loopback."""

from __future__ import annotations

import asyncio

import av
from aiortc.mediastreams import VideoStreamTrack

from gateway.media.events import PeerState
from tests.integration.test_media_engine import Events, Page, Room, Tone, codes, connect, room, until_heard

__all__ = ["room"]


def tracks(page: Page, kind: str) -> list[object]:
    return [track for track in page.tracks if track.kind == kind]


async def test_a_guest_sees_the_bus_hears_the_nurse_and_is_heard_and_seen_at_the_kiosk(room: Room) -> None:
    """The moving code arrives at the guest, the kiosk's tone too; the kiosk gets the guest's voice and picture on
    lines of its own, beside the doctor's, and the doctor's page nothing of the guest's."""
    doctor_peer = await room.engine.doctor_peer([], Events())
    doctor = await connect(doctor_peer, Tone(440), VideoStreamTrack())
    kiosk_peer = await room.engine.kiosk_peer(Events())
    kiosk = await connect(kiosk_peer, Tone(880))
    guest_peer = await room.engine.guest_peer([], Events())
    guest = await connect(guest_peer, Tone(660), VideoStreamTrack())
    doctors_voice, _, doctors_picture, guests_voice, guests_picture, *others = kiosk.tracks
    assert [track.kind for track in others] == ["audio", "audio"]
    ear, eye = guest.tracks
    assert await codes(eye, 3)
    figures = room.engine.figures_of(guest_peer)
    assert figures is not None
    assert (figures.candidate, figures.lines > 0, figures.keyframes > 0) == ("host", True, True)
    await until_heard(ear, 880)
    await until_heard(guests_voice, 660)
    await until_heard(doctors_voice, 440)
    async with asyncio.timeout(40):
        for picture in (doctors_picture, guests_picture):
            assert isinstance(await picture.recv(), av.VideoFrame)
    await until_heard(next(track for track in doctor.tracks if track.kind == "audio"), 880)
    room.engine.mute(True)
    quiet = guest_peer.voice_out.sender
    assert quiet is not None
    await asyncio.wait_for(_still(quiet), 40)
    for page, peer in ((guest, guest_peer), (kiosk, kiosk_peer), (doctor, doctor_peer)):
        await page.connection.close()
        await peer.close()


async def _still(sender: object) -> None:
    """Until the sender has written nothing for half a second."""
    before = -1
    while before != (now := sender.sent_bytes):  # type: ignore[attr-defined]
        before = now
        await asyncio.sleep(0.5)


async def test_every_guest_is_heard_and_the_newest_has_the_tile(room: Room) -> None:
    """Two guests have two lines at the kiosk; when the newer one leaves, the other moves to the first line."""
    kiosk_peer = await room.engine.kiosk_peer(Events())
    kiosk = await connect(kiosk_peer, Tone(880))
    first_peer = await room.engine.guest_peer([], Events())
    first = await connect(first_peer, Tone(500), VideoStreamTrack())
    line, second_line = kiosk.tracks[3], kiosk.tracks[5]
    await until_heard(line, 500)
    second_peer = await room.engine.guest_peer([], Events())
    second = await connect(second_peer, Tone(700), VideoStreamTrack())
    await until_heard(line, 700)
    await until_heard(second_line, 500)
    await second.connection.close()
    await second_peer.close()
    await until_heard(line, 500)
    for page, peer in ((first, first_peer), (kiosk, kiosk_peer)):
        await page.connection.close()
        await peer.close()


async def test_a_guests_offer_has_no_readings_in_it(room: Room) -> None:
    """Three m-lines and no data channel; the guest's picture waits until the doctor's part is known."""
    events = Events()
    peer = await room.engine.guest_peer([], events)
    offer = await peer.offer()
    assert [line.split(" ")[0] for line in offer.splitlines() if line.startswith("m=")] == [
        "m=audio", "m=video", "m=video"]
    assert peer.path.held
    await peer.close()
    assert events.states == [PeerState.closed]
