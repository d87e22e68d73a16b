"""The nurse's microphone through the real engine: muted by the gateway itself, and known to be dead."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack

from gateway.media import hearing
from gateway.media.engine import PeerState
from sim.camera import SceneCamera
from tests.integration.test_media_engine import Events, Page, Room, Tone, connect, running, until_heard

NURSE_HZ = 700


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with running(SceneCamera(width=320, height=180)) as room:
        yield room


def voice(page: Page) -> MediaStreamTrack:
    return next(track for track in page.tracks if track.kind == "audio")


async def frames(track: MediaStreamTrack, seconds: float) -> int:
    """How many frames of sound come within this."""
    count = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                await track.recv()
                count += 1
    return count


async def test_muted_no_voice_leaves_whatever_the_page_sends(room: Room) -> None:
    """The nurse speaks on, the doctor gets no packet, a new generation neither; unmuted it is heard again."""
    nurse = await connect(await room.engine.kiosk_peer(Events()), Tone(NURSE_HZ))
    peer = await room.engine.doctor_peer([], Events())
    doctor = await connect(peer)
    await until_heard(voice(doctor), NURSE_HZ)
    room.engine.mute(True)
    assert room.engine.muted
    before = peer.voice_out.sender
    assert before is not None
    sent = before.sent_bytes
    # What was on its way is played out; then nothing comes for half a second.
    async with asyncio.timeout(40):
        while await frames(voice(doctor), 0.5):
            pass
    assert before.sent_bytes == sent
    events = Events()
    again = await room.engine.doctor_peer([], events)
    second = await connect(again)
    await events.until(lambda: PeerState.connected in events.states)
    assert await frames(voice(second), 0.5) == 0
    assert room.engine.microphone_code is None
    room.engine.mute(False)
    await until_heard(voice(doctor), NURSE_HZ)
    await until_heard(voice(second), NURSE_HZ)
    for page in (nurse, doctor, second):
        await page.connection.close()


async def test_a_microphone_of_zeros_is_called_silent_until_it_sounds(room: Room,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """The level in the header tells (RFC 6464); muting meanwhile starts its time anew."""
    # Its time begins to run out only when it was seen to be there.
    monkeypatch.setattr(hearing, "SILENT_SECONDS", 1000.0)
    assert room.engine.microphone_code == "microphone.missing"
    nurse = await connect(await room.engine.kiosk_peer(Events()), AudioStreamTrack())
    await room.until(lambda: room.engine.microphone_code is None)
    monkeypatch.setattr(hearing, "SILENT_SECONDS", 0.6)
    await room.until(lambda: room.engine.microphone_code == "microphone.silent")
    assert room.engine.microphone
    room.engine.mute(True)
    room.engine.mute(False)
    assert room.engine.microphone_code is None
    await room.until(lambda: room.engine.microphone_code == "microphone.silent")
    nurse.connection.getTransceivers()[0].sender.replaceTrack(Tone(NURSE_HZ))
    await room.until(lambda: room.engine.microphone_code is None)
    await nurse.connection.close()
    await room.until(lambda: room.engine.microphone_code == "microphone.missing")
