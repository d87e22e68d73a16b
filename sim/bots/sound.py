"""Whether an <audio> really plays sound: the energy of its stream, measured in the page."""

from __future__ import annotations

import time

from playwright.async_api import Page

_LISTEN = """
async ([testid, milliseconds, threshold]) => {
  const until = performance.now() + milliseconds;
  const context = new AudioContext();
  // Two thirds of a second: no beep falls between two looks, however late a starved page looks.
  const analyser = new AnalyserNode(context, { fftSize: 32768 });
  const samples = new Float32Array(analyser.fftSize);
  let stream = null;
  while (performance.now() < until) {
    const element = document.querySelector(`[data-testid="${testid}"]`);
    if (element && element.srcObject && element.srcObject !== stream && element.srcObject.getAudioTracks().length) {
      stream = element.srcObject;
      context.createMediaStreamSource(stream).connect(analyser);
    }
    if (stream && !element.paused) {
      analyser.getFloatTimeDomainData(samples);
      if (Math.max(...samples.map(Math.abs)) > threshold) { await context.close(); return true; }
    }
    await new Promise((done) => setTimeout(done, 20));
  }
  await context.close();
  return false;
}
"""

LOUD = 0.01
"""Two orders above the comfort noise of a silent call; the browser's simulated microphone beeps at 0.1 and more."""

QUIET_SECONDS = 4.0
"""The simulated microphone beeps each second."""

UNDER_WAY_SECONDS = 60.0
"""What was said before is heard within a jitter buffer's length; a starved page presses the button late as well."""


async def hears(page: Page, testid: str, seconds: float = 30.0) -> bool:
    """Whether this element plays something louder than silence within `seconds`."""
    heard: bool = await page.evaluate(_LISTEN, [testid, seconds * 1000, LOUD])
    return heard


async def falls_silent(page: Page, testid: str, seconds: float = QUIET_SECONDS) -> bool:
    """Whether this element ceases to play anything for so long, after what was under way; within a minute."""
    until = time.monotonic() + UNDER_WAY_SECONDS
    while time.monotonic() < until:
        if not await hears(page, testid, seconds):
            return True
    return False
