"""The life of the doctor's page in a call: what it sends, what it says, and what its own machine does to it."""

from __future__ import annotations

import asyncio
import re
import shutil

import pytest
from playwright.async_api import expect

from sim.bots.browser import eventually
from tests.e2e.doctor_desk_rig import DEVICES, DIST, Desk, asleep, desk

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (DIST / "doctor.html").exists(), reason="the web client is not built"),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium here"),
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here"),
]

MICROPHONES = """
(() => {
  // A browser's simulated devices cannot be unplugged: its answers to the page are.
  const gone = new Set();
  const media = navigator.mediaDevices;
  const list = media.enumerateDevices.bind(media);
  const open = media.getUserMedia.bind(media);
  media.enumerateDevices = async () => (await list()).filter((each) => !gone.has(each.deviceId));
  media.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    window.opened = [...(window.opened ?? []), ...stream.getTracks()];
    return stream;
  };
  window.unplug = () => {
    const track = window.opened.filter((each) => each.kind === 'audio').at(-1);
    gone.add(track.getSettings().deviceId);
    track.stop();
    media.dispatchEvent(new Event('devicechange'));
    track.dispatchEvent(new Event('ended'));
  };
  window.replug = () => {
    gone.clear();
    media.dispatchEvent(new Event('devicechange'));
  };
})();
"""

HIDING = """
(() => {
  // A headless browser has no hidden tabs: what such a tab does to the page is done here.
  let hidden = false;
  const [state, ask, tick] = [
    () => (hidden ? 'hidden' : 'visible'), HTMLVideoElement.prototype.requestVideoFrameCallback, window.setInterval];
  Object.defineProperty(Document.prototype, 'visibilityState', { get: state });
  HTMLVideoElement.prototype.requestVideoFrameCallback = function (handler) {
    const wait = (...drawn) => {
      if (hidden) return ask.call(this, wait);
      window.drawn = (window.drawn ?? 0) + 1;
      return handler(...drawn);
    };
    return ask.call(this, wait);
  };
  window.setInterval = (handler, every, ...more) => {
    let last = 0;
    return tick(() => {
      if (hidden && performance.now() - last < 1000) return;
      last = performance.now();
      handler(...more);
    }, every);
  };
  window.hide = (now) => {
    hidden = now;
    window.drawn = 0;
    document.dispatchEvent(new Event('visibilitychange'));
  };
})();
"""

HIDDEN_SECONDS = 150
"""For some stretches of six seconds, of which one must hold: in a page that minds being hidden none does."""

UNSEEN_MS = 30_000
"""So long after the last that was heard a page that did not see the sleep gives the connection up (RFC 7675)."""

CLOCK = "const real = Date.now; window.later = 0; Date.now = () => real() + window.later;"


RECEIVED = """async (kind) => (await bus.inbound()).find((each) => each.kind === kind)?.packetsReceived ?? 0"""
"""How many packets of the doctor's voice or picture the vehicle has (W3C inbound-rtp): 0 before the first."""


async def flowing(it: Desk, kind: str) -> None:
    """Wait until more packets of the doctor's voice or picture have come."""
    least = await it.bus.evaluate(RECEIVED, kind) + 10
    await eventually(it.bus, f"async ([kind, least]) => await ({RECEIVED})(kind) > least", [kind, least])


async def lines_high(it: Desk, lines: int) -> None:
    """Wait until a picture of the doctor's was decoded in the vehicle, and see that it is so high."""
    found = await eventually(
        it.bus, "async () => (await bus.inbound()).find((each) => each.kind === 'video')?.frameHeight ?? null")
    assert found == lines


async def captured_each_second(it: Desk) -> float:
    """How many pictures a second the doctor's page sends, by the time of their capture (RFC 3550, 5.1: RTP timestamp).

    A second of arrivals tells less: on a loaded machine it holds what queued up in the one before.
    """
    rate: float = await it.bus.evaluate("""() => new Promise((resolve) => {
        const SHOWN = 30, VIDEO_CLOCK = 90000;
        const screen = document.createElement("video");
        const { track } = bus.peer.getReceivers().findLast((each) => each.track.kind === "video");
        Object.assign(screen, { muted: true, srcObject: new MediaStream([track]) });
        document.body.append(screen);
        let first;
        const look = (_, shown) => {
            first ??= shown;
            const count = shown.presentedFrames - first.presentedFrames;
            if (count < SHOWN) { screen.requestVideoFrameCallback(look); return; }
            screen.remove();
            resolve(count * VIDEO_CLOCK / ((shown.rtpTimestamp - first.rtpTimestamp) >>> 0));
        };
        screen.requestVideoFrameCallback(look);
        void screen.play();
    })""")
    return rate


async def test_a_call_is_small_towards_the_bus_and_says_how_it_goes() -> None:
    """180 lines and mono Opus with redundancy leave; the line, a pause, a muted microphone and a refusal of the bus are
    said in words, the last picture stays, and the bus hears each second what the page gets."""
    async with desk(*DEVICES) as it:
        await it.take()
        await flowing(it, "video")
        await lines_high(it, 180)
        assert await captured_each_second(it) <= 20
        answer = await it.steer("bus.peer.remoteDescription.sdp")
        assert "maxaveragebitrate=24000" in answer
        assert "useinbandfec=1" in answer

        await it.steer("bus.quality('good', 'reduced', 'quality.thin')")
        line = it.page.locator('[data-testid="line"][data-code="quality.thin"]')
        await line.wait_for()
        await it.says("line", "Voix bonne, image réduite")
        await line.click()
        await expect(it.at("line-figures")).to_contain_text(re.compile("96[ \u00a0]ms"))
        await line.click()

        await it.steer("bus.media = { camera_code: 'picture.paused_thin' }, bus.situation(), bus.pause(true)")
        await it.picture("paused")
        await it.says("video-words", "La voix continue")
        assert await it.page.evaluate("document.querySelector('[data-testid=remote-video]').videoWidth") > 0
        await it.steer("bus.media = {}, bus.situation(), bus.pause(false)")
        await it.live()

        await it.steer("bus.media = { microphone: false, microphone_code: 'microphone.muted' }, bus.situation()")
        await it.page.locator('[data-testid="microphone-missing"][data-code="microphone.muted"]').wait_for()
        await it.steer("bus.media = {}, bus.situation(), bus.refuse('camera.missing', 'camera_wanted')")
        await it.says("not-done", "La caméra demandée")
        await it.at("not-done-close").click()
        await it.at("not-done").wait_for(state="detached")

        await it.at("see-skin").click()
        await it.at("camera-beside").click()
        # The vehicle's answer, not the click, presses the button.
        await it.page.locator('[data-testid="camera-beside"][aria-pressed="true"]').wait_for()
        assert [wish["beside"] for wish in await it.said("camera_wanted")] == [False, True]
        # Of the last whole second: the one before may have been the pause.
        await it.bus.wait_for_function("""() => {
            const told = bus.received.filter((each) => each.type === "reception").at(-1)?.reception;
            return told?.own_picture && told.frames_per_second > 0;
        }""")


async def test_a_sound_that_waits_for_a_click_says_so_and_the_picture_plays_meanwhile() -> None:
    """A page that nobody has touched and that holds no device may not play sound: one button, or a click, starts it."""
    async with desk("--autoplay-policy=document-user-activation-required") as it:
        await it.take()
        before = await it.generation()
        page = await it.page.context.new_page()
        await it.page.close()
        await page.goto(it.url)
        # Whatever is asked of the page itself counts as a person's gesture: the vehicle is asked instead.
        await it.bus.wait_for_function(
            "(before) => bus.generation > before && bus.peer.connectionState === 'connected'", arg=before)
        it = Desk(page, it.bus, it.url)
        await it.at("start-sound").wait_for()
        await it.live()
        assert await page.evaluate("document.querySelector('[data-testid=remote-audio]').paused")
        await it.at("start-sound").click()
        await it.at("sound-blocked").wait_for(state="detached")
        await page.locator("audio[data-testid=remote-audio]").evaluate("""(sound) => new Promise((done) => {
            if (sound.paused) sound.addEventListener("playing", done, { once: true }); else done();
        })""")


async def test_an_unplugged_microphone_is_replaced_in_the_call_and_taken_again() -> None:
    """The next one speaks on the same connection, which is said; the first one comes back by itself."""
    async with desk(*DEVICES, init=MICROPHONES) as it:
        await it.take()
        await flowing(it, "audio")
        generation = await it.generation()
        await it.page.evaluate("unplug()")
        await it.page.locator('[data-testid="device-notice"][data-happened="replaced"]').wait_for()
        await flowing(it, "audio")
        await it.page.evaluate("replug()")
        await it.page.locator('[data-testid="device-notice"][data-happened="back"]').wait_for()
        await flowing(it, "audio")
        assert await it.generation() == generation


async def test_a_permission_taken_away_is_said_and_given_back_it_works_again() -> None:
    """The browser's own switch, in the middle of a call."""
    async with desk("--use-fake-device-for-media-stream") as it:
        await it.page.context.grant_permissions(["camera", "microphone"])
        await it.page.reload()
        await it.page.locator('[data-testid="own-microphone"][data-fault=""]').wait_for()
        await it.take()
        await flowing(it, "audio")
        generation = await it.generation()
        await it.page.context.clear_permissions()
        await it.page.locator('[data-testid="own-fault"][data-code="device.refused"]').wait_for()
        await it.live()
        await it.page.context.grant_permissions(["camera", "microphone"])
        await it.at("own-fault").wait_for(state="detached")
        await flowing(it, "audio")
        assert await it.generation() == generation


async def test_a_page_that_slept_goes_on_without_a_click() -> None:
    """Suspended for longer than a timer can be late: the relay's socket is renewed, the call that stands is kept."""
    async with desk(*DEVICES) as it:
        await it.take()
        generation = await it.generation()
        async with it.page.expect_websocket(), asleep(it.page):
            await asyncio.sleep(12)
        await it.page.locator('[data-testid="relay-link"][data-state="online"]').wait_for()
        await it.live()
        await flowing(it, "audio")
        assert await it.generation() == generation


async def test_a_call_whose_other_end_went_during_a_sleep_is_joined_anew_without_a_click() -> None:
    """A minute later by the clock, and the old connection silent: the next one is asked for within seconds."""
    async with desk(*DEVICES, init=CLOCK) as it:
        await it.take()
        generation = await it.generation()
        async with asleep(it.bus):
            await it.page.evaluate("window.later = 60_000")
            await it.joined_anew(generation, UNSEEN_MS / 2)
        await it.live()


async def test_a_hidden_tab_keeps_its_voice_and_its_picture_is_live_on_return() -> None:
    """Nothing is drawn there and timers come once a second: nothing is given up, and nothing is said to be wrong."""
    async with desk(*DEVICES, init=HIDING) as it:
        await it.take()
        async with asyncio.timeout(HIDDEN_SECONDS):
            # A starved vehicle falls silent for a moment, and is joined anew, hidden or not: then once more.
            while not await stands_while_hidden(it):
                pass


async def stands_while_hidden(it: Desk) -> bool:
    """Six seconds in a hidden tab, and the picture on return; whether it was the same call, and said to be live."""
    # Hidden while the picture moves: whether one that stood comes again nobody sees in a hidden tab.
    await eventually(it.page, """() => {
        const live = document.querySelector('[data-testid="video"][data-state="live"]') !== null;
        if (live) hide(true);
        return live;
    }""")
    generation = await it.generation()
    await asyncio.sleep(6)
    await flowing(it, "audio")
    live = await it.at("video").get_attribute("data-state") == "live"
    await it.page.evaluate("hide(false)")
    await eventually(it.page, "() => window.drawn > 0")
    await it.live()
    return live and await it.generation() == generation
