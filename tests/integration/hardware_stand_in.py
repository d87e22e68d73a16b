"""A stand-in of the child that drives an encoder: x264 through PyAV, with one fault. `FAULT WIDTH HEIGHT KBPS`."""

from __future__ import annotations

import sys
import time
from fractions import Fraction

import av
from av.video.frame import PictureType

from gateway.media.hardware_child import HEAD, TAIL

DIES_AT = 9


def opened(fault: str, width: int, height: int, kbps: int) -> av.VideoCodecContext:
    """Like `gateway.media.codecs.X264`, but for what the fault asks."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.framerate, context.time_base, context.bit_rate = Fraction(25), Fraction(1, 90_000), 1000 * kbps
    profile = "main" if fault in ("main profile", "bidirectional") else "baseline"
    interval = 20 if fault == "keyframes by the clock" else 100_000
    headers = 0 if fault == "no headers" else 1
    more = ":bframes=2:rc-lookahead=0:sync-lookahead=0" if fault == "bidirectional" else ""
    context.options = {
        "preset": "superfast", "tune": "zerolatency", "profile": profile, "level": "3.1", "threads": "1",
        "forced-idr": "1", "maxrate": str(1000 * kbps), "bufsize": str(300 * kbps),
        "x264-params": f"keyint={interval}:scenecut=0:repeat-headers={headers}{more}"}
    if fault == "no headers":
        context.flags |= av.codec.context.Flags.global_header
    context.open()
    return context


def main(fault: str, width: int, height: int, kbps: int) -> None:
    """Until standard input ends, or the fault."""
    if fault == "does not start":
        raise SystemExit(1)
    context = opened(fault, width, height, kbps)
    told = sys.stdout.buffer
    told.write(TAIL.pack(0, 0))
    told.flush()
    number = 0
    while len(head := sys.stdin.buffer.read(HEAD.size)) == HEAD.size:
        bits_per_second, keyframe, stamp, size = HEAD.unpack(head)
        data = sys.stdin.buffer.read(size)
        if number == DIES_AT and fault in ("hangs", "dies", "babbles"):
            if fault == "babbles":
                told.write(b"\xff" * 64)
                told.flush()
            if fault != "dies":
                time.sleep(60)
            raise SystemExit(3)
        number += 1
        frame = av.VideoFrame(width, height, "yuv420p")
        at = 0
        for plane in frame.planes:
            rows = data[at:at + plane.width * plane.height]
            at += len(rows)
            gap = bytes(plane.line_size - plane.width)
            plane.update(b"".join(rows[y * plane.width:(y + 1) * plane.width] + gap for y in range(plane.height)))
        frame.pts, frame.time_base = stamp * 90 // 1_000_000, Fraction(1, 90_000)
        frame.pict_type = PictureType.I if keyframe and fault != "deaf to wishes" else PictureType.NONE
        if fault != "deaf to rates":
            context.bit_rate = bits_per_second
        packets = context.encode(frame)
        out = b"".join(bytes(packet) for packet in packets) or b"\x00"
        told.write(TAIL.pack(int(any(packet.is_keyframe for packet in packets)), len(out)) + out)
        told.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
