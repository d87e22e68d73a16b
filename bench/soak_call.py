"""The vehicle's end of a soak: gateway.media with a faster clock.

    python -m bench.soak_call --camera PORT --speed K

Speaks as `bench.video_sender ours` does, over loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import structlog

from bench.haste import haste
from bench.video_sender import Answers, Load, ours, run

CEILING_KBPS = 700
"""The picture of a good rural link; more would only make the soak slower."""

REMEMBERED = 64
"""Times of readings kept: nobody asks for more here, and the memory that grows is to be the gateway's."""


def main() -> None:
    """The process."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    parser = argparse.ArgumentParser()
    parser.add_argument("--camera", type=int, required=True)
    parser.add_argument("--speed", type=float, required=True)
    options = parser.parse_args()

    async def sender(load: Load, answers: Answers, joined: asyncio.Event) -> None:
        await ours(options.camera, load, answers, joined, interfaces=("lo",), ceiling_kbps=CEILING_KBPS)

    loop = haste(options.speed)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(run("ours", sender, REMEMBERED))


if __name__ == "__main__":
    main()
