"""What a call leaves behind in a gateway that runs for weeks. Counted, in a process of its own whose clock leaps: no
processor is too busy for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PLAYED = """
import asyncio, gc, json
from bench.soak_call import play
from gateway.media.hooks import GatewayConnection
from gateway.media.remote_peers import RemotePeer
from gateway.media.sending import PacketSender

def held():
    gc.collect()
    objects = gc.get_objects()
    kinds = {kind.__name__: sum(isinstance(one, kind) for one in objects)
             for kind in (RemotePeer, GatewayConnection, PacketSender)}
    dead = sum(len(one._past) for one in objects if isinstance(one, PacketSender) and not one.open)
    return {**kinds, "packets of calls that are over": dead}

async def script(bus):
    await asyncio.sleep(3)
    first = held()
    for _ in range(3):
        await bus.guest(1)
        await bus.far.close()
        await asyncio.sleep(3)
    print(json.dumps([first, held(), bus.figures]))

play(script, 192, 108)
"""


def test_calls_that_are_over_leave_no_peer_and_no_packet() -> None:
    """Three guests came and went, the doctor's page was loaded again three times, the touchscreen stayed and played
    them all: what is held is what the first call held, and readings went all the while."""
    done = subprocess.run([sys.executable, "-c", PLAYED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, last, figures = json.loads(done.stdout.splitlines()[-1])
    assert first == {"RemotePeer": 1, "GatewayConnection": 2, "PacketSender": 10, "packets of calls that are over": 0}
    assert last == first
    assert figures["generations"] == 4
    assert figures["readings"] >= figures["acknowledged"] > 40
