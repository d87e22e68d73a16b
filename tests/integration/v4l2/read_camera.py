"""Reads a V4L2 camera with the gateway's own reader and prints each change of state, for the test beside it."""

from __future__ import annotations

import sys
import threading

from gateway.media.camera import CameraFrame, CameraReader, CameraState
from gateway.media.config import CameraConfig
from gateway.media.mailbox import Mailbox


def _say(state: CameraState) -> None:
    print("present" if state.present else "away", state.width, state.height, state.code, flush=True)


if __name__ == "__main__":
    box: Mailbox[CameraFrame] = Mailbox()
    reader = CameraReader(CameraConfig(source=f"v4l2:{sys.argv[1]}"), box, _say)
    reader.watch(True)
    reader.start()
    threading.Event().wait()
