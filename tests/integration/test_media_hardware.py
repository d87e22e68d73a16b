"""The way to the machine's own encoder. There is none here: GStreamer's x264 stands in its place in the same child, and
children that misbehave each in one way. What is not shown: that a VA-API or V4L2 driver passes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from gateway.media import hardware
from gateway.media.camera import CameraFrame
from gateway.media.config import EncoderChoice
from gateway.media.encoder import CameraEncoder, EncodedFrame, Rungs
from gateway.media.hardware import ELEMENTS, Hardware, Verdict, command, find, probe
from gateway.media.rate import DETAIL_LADDER, LADDER
from sim.camera import Scene
from tests.integration.encoder_rig import Feed

HERE = Path(__file__).parent


def gstreamer() -> bool:
    """Whether the system's Python has its bindings, with x264."""
    code = ("import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; Gst.init(None); "
            "raise SystemExit(not (Gst.ElementFactory.find('x264enc') and Gst.ElementFactory.find('h264parse')))")
    try:
        return not subprocess.run([hardware.SYSTEM_PYTHON, "-c", code], capture_output=True, check=False).returncode
    except OSError:
        return False


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """How soon a driver must answer is about drivers; here a Python starts and encodes beside everything else."""
    monkeypatch.setattr(hardware, "OPEN_SECONDS", 40.0)
    monkeypatch.setattr(hardware, "FRAME_SECONDS", 40.0)
    monkeypatch.setattr(hardware, "PROBE_SECONDS", 100.0)


def child(fault: str) -> hardware.Launch:
    """Our stand-in of a driver, x264 of this Python, with one fault."""
    def launch(element: str, width: int, height: int, fps: int, kbps: int) -> Sequence[str]:
        return (sys.executable, str(HERE / "hardware_stand_in.py"), fault, str(width), str(height), str(kbps))
    return launch


@pytest.mark.skipif(not gstreamer(), reason="no GStreamer with Python bindings and x264 here")
def test_gstreamer_follows_rates_and_wishes() -> None:
    """The very child that drives hardware, with a software element: live rate, keyframes when wanted and no other."""
    assert probe("x264enc", command) is Verdict.good


@pytest.mark.parametrize(("fault", "verdict"), [
    ("none", Verdict.good),
    ("deaf to rates", Verdict.rate),
    ("deaf to wishes", Verdict.keyframes),
    ("keyframes by the clock", Verdict.keyframes),
    ("main profile", Verdict.profile),
    ("bidirectional", Verdict.profile),
    ("no headers", Verdict.headers),
    ("hangs", Verdict.late),
    ("dies", Verdict.failed),
    ("babbles", Verdict.failed),
    ("does not start", Verdict.absent),
])
def test_only_what_every_browser_can_follow_passes(fault: str, verdict: Verdict,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way in which drivers fail, found by looking at what they make; a hang costs its deadline, nothing more."""
    if verdict is Verdict.late:
        monkeypatch.setattr(hardware, "FRAME_SECONDS", 0.4)
    assert probe("any", child(fault)) is verdict


def test_without_a_device_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without graphics or codec devices: absent at once, in every choice."""
    def launch(element: str, width: int, height: int, fps: int, kbps: int) -> Sequence[str]:
        raise AssertionError("no child without a device")

    monkeypatch.setattr(hardware, "DEVICES", dict.fromkeys(hardware.DEVICES, "/nonexistent/renderD*"))
    for choice in EncoderChoice:
        assert find(choice, launch) == (None, Verdict.absent)


def test_the_first_that_passes_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Low-power first; one that fails its probe is passed over."""
    monkeypatch.setattr(hardware, "DEVICES", dict.fromkeys(hardware.DEVICES, "/dev/null"))
    first, second = "vah264lpenc", "vah264enc"
    assert ELEMENTS[EncoderChoice.vaapi] == (first, second)

    def launch(element: str, width: int, height: int, fps: int, kbps: int) -> Sequence[str]:
        return child("deaf to rates" if element == first else "none")(element, width, height, fps, kbps)

    assert find(EncoderChoice.auto, launch) == (second, Verdict.good)
    monkeypatch.setattr(hardware, "FRAME_SECONDS", 0.4)
    assert find(EncoderChoice.vaapi, child("hangs")) == (None, Verdict.late)


def test_a_call_goes_on_with_x264_when_the_hardware_fails() -> None:
    """It dies at its tenth picture: that very picture comes from x264, as a keyframe, and it is said once."""
    lost: list[bool] = []
    mailbox = Feed()
    out: list[EncodedFrame] = []

    def deliver(frame: EncodedFrame) -> None:
        out.append(frame)
        encoder.taken()

    encoder = CameraEncoder(mailbox, deliver, Rungs(LADDER[-1], DETAIL_LADDER[-1]), 800_000,
                            Hardware("any", lambda: lost.append(True), child("dies")))
    encoder.watch(True)
    encoder.start()
    planes = np.frombuffer(bytes(Scene(640, 360, 25).draw(7))[6:], np.uint8).reshape(540, 640)
    for i in range(20):
        mailbox.feed(CameraFrame(av.VideoFrame.from_ndarray(planes.copy(), "yuv420p"), 100 + i * 0.04))
    encoder.stop()
    assert lost == [True]
    assert [i for i, frame in enumerate(out) if frame.keyframe] == [0, 9]
    assert all(frame.size for frame in out)
