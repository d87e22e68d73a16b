"""Encoders: one open context is one size of one stream. Rates change without a keyframe in each of them."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Protocol

from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from . import h264, vp8
from .rate import Rung

CLOCK_RATE = 90_000
"""RTP clock of video (RFC 6184, section 5.1; RFC 7741, section 4.1)."""

VBV_SECONDS = 0.5
"""Rate buffer of x264: bounds a keyframe to half a second of the rung's ceiling."""

EFFORTS = ((640 * 360, "veryfast", ":subme=6:trellis=1:ref=1:aq-mode=1"),
           (960 * 540, "superfast", ":subme=4:aq-mode=2"))
"""How hard x264 looks for pictures of at most so many pixels; larger ones with `EFFORT`. A thin link has few pictures,
and small ones: three times the time on each is still less than at a good link, and SSIM is 0.949 instead of 0.941 at
150 kbit/s (measured with film, `docs/adr/media-encoding.md`)."""

EFFORT = ("superfast", ":aq-mode=2")

VP8_BUFFER_SECONDS = 0.4
"""Rate buffer of libvpx, at the rate it was opened at."""

VP8_KEYFRAME_SHARE = 400
"""Percent of an ordinary picture's bits a keyframe may have, as browsers' own encoders allow about."""

VP8_SPEED = -8
"""As browsers choose for a small processor: half the time of -4, 3 % more bits."""

BEAT_SHARE, BEAT_MOST = 0.1, 3.0
"""How much of a late picture counts for the time between two, and how late counts, in times of the rung's."""

STRETCH_MOST = 8.0
"""A rate this many times under or over the one libvpx was opened at needs a new context, and so a keyframe: its rate
buffer would be that much longer."""


class HardwareFailed(Exception):
    """The machine's own encoder does not go on; another one must make this picture."""


class Codec(Protocol):
    """One open encoder of pictures of one size, 4:2:0."""

    def fits(self, width: int, height: int, rung: Rung, bits_per_second: int) -> bool:
        """Whether this one can go on."""

    def encode(self, frame: VideoFrame, at: float, bits_per_second: int, keyframe: bool) -> tuple[bytes, bool]:
        """One picture taken at `at` (monotonic seconds): its octets, and whether it is a keyframe. HardwareFailed,
        av.FFmpegError or ValueError when it fails."""

    def payloads(self, data: bytes) -> tuple[bytes, ...]:
        """RTP payloads of what `encode` gave; the last one bears the marker."""

    def close(self) -> None:
        """Give memory and device back; idempotent."""


def colours(context: VideoCodecContext) -> None:
    """Unsaid, browsers take BT.709, and a red is 12 of 255 off. Cameras give BT.601 (JFIF) and sRGB."""
    context.colorspace, context.color_range = Colorspace.ITU601, ColorRange.MPEG
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.IEC61966_2_1


FILL = 1.06
"""At a constant rate x264 stays a tenth under it, so that no picture is too large."""

RATE_LEAST = 2_000
"""bit/s. A rate of nought is none to x264: it would give up its buffer."""

PACE_SHARE, PACE_MOST = 0.2, 0.4
"""How soon the measured time between pictures follows, and the longest that counts: a pause is no slow beat."""


class X264:
    """H.264, constrained baseline."""

    def __init__(self, width: int, height: int, rung: Rung) -> None:
        self._rung = rung
        self._origin: float | None = None
        self._at, self._beat = 0.0, 1 / rung.frames_per_second
        ceiling = rung.ceiling_kbps * 1000
        buffer = rung.buffer_kbit * 1000 or int(ceiling * VBV_SECONDS)
        self._share = max(rung.frames_per_second, ceil(ceiling / buffer))
        """Pictures a second among which x264 divides the rate, whatever their times are. With fewer it would make the
        buffer as large as one picture at the ceiling."""
        context = VideoCodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.framerate = Fraction(self._share)
        context.time_base = Fraction(1, CLOCK_RATE)
        colours(context)
        preset, more = next(((name, more) for most, name, more in EFFORTS if width * height <= most), EFFORT)
        # Opened as constant rate at the ceiling: x264 then follows a lower `bit_rate` within a few pictures;
        # without a rate buffer it follows over minutes.
        context.bit_rate = ceiling
        context.options = {
            "preset": preset, "tune": "zerolatency", "profile": "baseline", "level": "3.1",
            "threads": "1", "forced-idr": "1", "maxrate": str(ceiling), "bufsize": str(buffer),
            # Without psychovisual grain, which a thin rate turns into blocks; bits go to flat parts, as skin is.
            "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1:no-psy=1" + more,
        }
        # Opened now, at the ceiling: opened lower it would be variable rate.
        context.open()
        self._context = context

    def fits(self, width: int, height: int, rung: Rung, bits_per_second: int) -> bool:
        """Another picture rate alone needs no new one."""
        same_size = (self._context.width, self._context.height) == (width, height)
        return same_size and self._rung.ceiling_kbps == rung.ceiling_kbps

    def encode(self, frame: VideoFrame, at: float, bits_per_second: int, keyframe: bool) -> tuple[bytes, bool]:
        """Annex B octets of one picture."""
        if self._origin is None:
            self._origin = at
        else:
            self._beat += PACE_SHARE * (min(max(0.0, at - self._at), PACE_MOST) - self._beat)
        self._at = at
        frame.pts, frame.time_base = round((at - self._origin) * CLOCK_RATE), Fraction(1, CLOCK_RATE)
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        granted = min(max(RATE_LEAST, bits_per_second), self._rung.ceiling_kbps * 1000)
        self._context.bit_rate = round(FILL * granted * self._share * self._beat)
        packets = self._context.encode(frame)
        return b"".join(bytes(packet) for packet in packets), any(packet.is_keyframe for packet in packets)

    def payloads(self, data: bytes) -> tuple[bytes, ...]:
        """RFC 6184."""
        return h264.payloads(h264.split_units(data))

    def close(self) -> None:
        """The context goes with its last reference."""


class Vp8:
    """VP8 by libvpx.

    libvpx through this library hears of no rate after it was opened. It gives each picture the bits of the time since
    the one before: so its clock is run faster or slower than ours, by the ratio of the rate asked for to the rate it
    was opened at.
    """

    def __init__(self, width: int, height: int, rung: Rung, bits_per_second: int, picture_id: int = 0) -> None:
        self._rung = rung
        self._opened_at = rate = max(1000, min(bits_per_second, rung.ceiling_kbps * 1000))
        self._at: float | None = None
        self._beat = 1 / rung.frames_per_second
        self._pts = 0
        self.picture_id = picture_id
        """Of the next picture; the next context goes on with it."""
        context = VideoCodecContext.create("libvpx", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.framerate = Fraction(rung.frames_per_second)
        context.time_base = Fraction(1, CLOCK_RATE)
        colours(context)
        context.bit_rate, context.thread_count = rate, 1
        buffer = int(rate * VP8_BUFFER_SECONDS)
        context.options = {
            "deadline": "realtime", "cpu-used": str(VP8_SPEED), "error-resilient": "1", "lag-in-frames": "0",
            "static-thresh": "1", "auto-alt-ref": "0", "g": "1000000", "minrate": str(rate), "maxrate": str(rate),
            "bufsize": str(buffer), "rc_init_occupancy": str(buffer * 4 // 5), "undershoot-pct": "100",
            "overshoot-pct": "15", "qmin": "4", "qmax": "60", "max-intra-rate": str(VP8_KEYFRAME_SHARE),
        }
        context.open()
        self._context = context

    def fits(self, width: int, height: int, rung: Rung, bits_per_second: int) -> bool:
        """Sizes and rungs as H.264; rates within `STRETCH_MOST`."""
        same_size = (self._context.width, self._context.height) == (width, height)
        stretch = min(bits_per_second, rung.ceiling_kbps * 1000) / self._opened_at
        return (same_size and self._rung.ceiling_kbps == rung.ceiling_kbps
                and 1 / STRETCH_MOST <= stretch <= STRETCH_MOST)

    def encode(self, frame: VideoFrame, at: float, bits_per_second: int, keyframe: bool) -> tuple[bytes, bool]:
        """One picture as RFC 6386 has it; none when libvpx left it out."""
        rate = min(bits_per_second, self._rung.ceiling_kbps * 1000)
        if self._at is not None:
            # Smooth, or each picture that is 10 ms late is twice as large; and a pause earns nothing.
            self._beat += BEAT_SHARE * (min(at - self._at, BEAT_MOST / self._rung.frames_per_second) - self._beat)
        self._at = at
        step = max(1, round(self._beat * CLOCK_RATE * rate / self._opened_at))
        self._pts += step
        # It follows a picture that ends later than the last one did at once, an even beat over a second.
        frame.pts, frame.duration, frame.time_base = self._pts, 1, Fraction(1, CLOCK_RATE)
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        data = b"".join(bytes(packet) for packet in self._context.encode(frame))
        return data, vp8.is_keyframe(data)

    def payloads(self, data: bytes) -> tuple[bytes, ...]:
        """RFC 7741, identifiers without a gap."""
        number, self.picture_id = self.picture_id, (self.picture_id + 1) % vp8.PICTURES
        return vp8.payloads(data, number)

    def close(self) -> None:
        """The context goes with its last reference."""
