"""The machine's own H.264 encoder, in a process of its own: a driver that hangs or crashes ends nothing but this.

    /usr/bin/python3 -I hardware_child.py '{"element": ..., "width": ..., "height": ..., "fps": ..., "kbps": ...}'

Run by the system's Python, which has the bindings of GStreamer (`python3-gi`, `gir1.2-gstreamer-1.0`); it imports
nothing of ours. In, for each picture: `HEAD` (bit/s, 1 for a keyframe, nanoseconds, octets), then I420 without gaps.
Out: `TAIL` (1 for a keyframe, octets), then Annex B; first of all one `TAIL` of zeros, when the encoder stands. Ends
with its input.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Any

HEAD = struct.Struct("<IIQI")
TAIL = struct.Struct("<II")

FRAME_NS = 2_000_000_000
"""Longer than any encoder takes; the parent loses patience before."""

VA = "rate-control=cbr ref-frames=1 cabac=false dct8x8=false key-int-max=1024 bitrate={kbps}"

ELEMENTS = {
    "vah264enc": f"vah264enc name=enc b-frames=0 {VA}",
    "vah264lpenc": f"vah264lpenc name=enc {VA}",
    "v4l2h264enc": "v4l2h264enc name=enc extra-controls=controls,video_bitrate_mode=1,video_bitrate={bps},"
                   "repeat_sequence_header=1,video_gop_size=1024",
    # Not hardware: what tests run the same way through, and nothing else names.
    "x264enc": "x264enc name=enc tune=zerolatency speed-preset=superfast key-int-max=100000 bitrate={kbps} "
               "option-string=scenecut=0:repeat-headers=1",
}


def main() -> None:
    """Until standard input ends."""
    import gi  # type: ignore[import-not-found,import-untyped,unused-ignore]

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst  # type: ignore[import-not-found,import-untyped,unused-ignore]

    wanted = json.loads(sys.argv[1])
    element = wanted["element"]
    Gst.init(None)
    pipeline = Gst.parse_launch(
        "appsrc name=src is-live=true format=time ! videoconvert ! "
        + ELEMENTS[element].format(kbps=wanted["kbps"], bps=1000 * wanted["kbps"])
        + " ! video/x-h264,profile=constrained-baseline,level=(string)3.1 ! h264parse config-interval=-1"
        " ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=sink sync=false max-buffers=4")
    source, encoder, sink = (pipeline.get_by_name(name) for name in ("src", "enc", "sink"))
    source.set_property("caps", Gst.Caps.from_string(
        f"video/x-raw,format=I420,width={wanted['width']},height={wanted['height']},framerate={wanted['fps']}/1,"
        "colorimetry=bt601"))
    if pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE:
        raise SystemExit(f"{element} does not start")
    told = sys.stdout.buffer
    told.write(TAIL.pack(0, 0))
    told.flush()
    rate = 1000 * wanted["kbps"]
    while len(head := sys.stdin.buffer.read(HEAD.size)) == HEAD.size:
        bits_per_second, keyframe, stamp, size = HEAD.unpack(head)
        if abs(bits_per_second - rate) >= 1000:
            rate = bits_per_second
            lead(Gst, element, encoder, rate)
        if keyframe:
            force = structure(Gst, "GstForceKeyUnit, all-headers=(boolean)true")
            sink.send_event(Gst.Event.new_custom(Gst.EventType.CUSTOM_UPSTREAM, force))
        buffer = Gst.Buffer.new_wrapped(sys.stdin.buffer.read(size))
        buffer.pts = stamp
        source.emit("push-buffer", buffer)
        sample = sink.emit("try-pull-sample", FRAME_NS)
        if sample is None:
            raise SystemExit(f"{element} gives no picture")
        out = sample.get_buffer()
        data = out.extract_dup(0, out.get_size())
        told.write(TAIL.pack(int(not out.has_flags(Gst.BufferFlags.DELTA_UNIT)), len(data)))
        told.write(data)
        told.flush()
    pipeline.set_state(Gst.State.NULL)


def lead(gst: Any, element: str, encoder: Any, bits_per_second: int) -> None:
    """Another rate, on the running encoder."""
    if element == "v4l2h264enc":
        encoder.set_property("extra-controls", structure(gst, f"controls,video_bitrate={bits_per_second}"))
    else:
        encoder.set_property("bitrate", max(1, bits_per_second // 1000))


def structure(gst: Any, text: str) -> Any:
    """Bindings differ in whether they say how much of the text they read."""
    made = gst.Structure.new_from_string(text)
    return made[0] if isinstance(made, tuple) else made


if __name__ == "__main__":
    main()
