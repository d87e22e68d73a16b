"""A gateway's instruments alone in a process, to be killed: prints each state of the cuff, and each reading."""

import asyncio
import json
import sys

from gateway.peripherals.config import InstrumentConfig, RadioConfig
from gateway.peripherals.supervisor import Supervisor
from protocol.readings import Chunk, InstrumentKind, Reading, WaveformEnd


class Printing:
    """An InstrumentSink that prints."""

    supervisor: Supervisor

    async def reading(self, reading: Reading) -> None:
        print("reading", reading.device_time, flush=True)

    async def chunk(self, chunk: Chunk) -> None: ...

    async def waveform_stopped(self, end: WaveformEnd) -> None: ...

    def changed(self) -> None:
        print(self.supervisor.instruments()[0].state.value, flush=True)


async def main(parts: dict[str, str]) -> None:
    """Until killed."""
    sink = Printing()
    cuff = InstrumentConfig(1, "cuff", InstrumentKind.blood_pressure, "Tensiomètre", "ua651ble", parts["cuff"])
    sink.supervisor = Supervisor([cuff], RadioConfig("sim.radio:backend", parts["hci"]), sink)
    await sink.supervisor.run()


asyncio.run(main(json.loads(sys.argv[1])))
