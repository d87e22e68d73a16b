"""Whether a <video> really shows the moving code of the simulated room camera, read in the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page

from .browser import STEP_MS

PATIENCE_SECONDS = STEP_MS / 1000
"""For what comes at once when the machine has time; who wants to see that nothing comes says how long to look."""

_READER = Path(__file__).resolve().parents[1] / "read_code.js"

_CODES = """
async ([testid, wanted, milliseconds]) => {
  %s
  const codes = [];
  const until = performance.now() + milliseconds;
  while (performance.now() < until && new Set(codes).size < wanted) {
    const video = document.querySelector(`[data-testid="${testid}"]`);
    const element = video && (video.tagName === "VIDEO" ? video : video.querySelector("video"));
    if (element && element.readyState >= 2) {
      const code = passerelleReadCode(element);
      if (code !== null && code !== codes[codes.length - 1]) codes.push(code);
    }
    await new Promise((done) => setTimeout(done, 15));
  }
  return codes;
}
"""

_NEWER = """
async ([testid, counter, wanted, milliseconds]) => {
  %s
  const codes = [];
  const until = performance.now() + milliseconds;
  const newer = (code) => code !== counter && (code - counter + 65536) %% 65536 < 32768;
  while (performance.now() < until && codes.length < wanted) {
    const video = document.querySelector(`[data-testid="${testid}"]`);
    const element = video && (video.tagName === "VIDEO" ? video : video.querySelector("video"));
    if (element && element.readyState >= 2) {
      const code = passerelleReadCode(element);
      if (code !== null && newer(code) && !codes.includes(code)) codes.push(code);
    }
    await new Promise((done) => setTimeout(done, 25));
  }
  return codes;
}
"""

_MOVES = """
async ([testid, milliseconds]) => {
  const until = performance.now() + milliseconds;
  let [first, asked, drawn] = [null, null, 0];
  while (performance.now() < until) {
    const video = document.querySelector(`[data-testid="${testid}"]`);
    const element = video && (video.tagName === "VIDEO" ? video : video.querySelector("video"));
    // Firefox counts no frames of a stream: they are counted as they are drawn.
    if (element && element !== asked) {
      [asked, drawn] = [element, 0];
      const frame = () => { drawn += 1; if (asked === element) element.requestVideoFrameCallback(frame); };
      element.requestVideoFrameCallback(frame);
    }
    const quality = element && element.getVideoPlaybackQuality && element.getVideoPlaybackQuality();
    if (quality) {
      if (first === null || quality.totalVideoFrames < first) first = quality.totalVideoFrames;
      if (quality.totalVideoFrames - first >= 5 || drawn >= 5) { asked = null; return true; }
    }
    await new Promise((done) => setTimeout(done, 30));
  }
  asked = null;
  return false;
}
"""


class Picture:
    """A <video> in a page, by its data-testid."""

    def __init__(self, page: Page, testid: str) -> None:
        self._page, self._testid = page, testid

    async def codes(self, wanted: int = 3, seconds: float = PATIENCE_SECONDS) -> list[int]:
        """Different codes read from the picture: `wanted` of them, or what came in `seconds`."""
        script = _CODES % _READER.read_text()
        read: list[int] = await self._page.evaluate(script, [self._testid, wanted, seconds * 1000])
        return read

    async def newer(self, counter: int, wanted: int = 2, seconds: float = PATIENCE_SECONDS) -> list[int]:
        """Different codes of pictures drawn after the one with this counter; less than `wanted` when time is up."""
        script = _NEWER % _READER.read_text()
        read: list[int] = await self._page.evaluate(script, [self._testid, counter, wanted, seconds * 1000])
        return read

    async def moves(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether new frames are shown."""
        answer: Any = await self._page.evaluate(_MOVES, [self._testid, seconds * 1000])
        return bool(answer)
