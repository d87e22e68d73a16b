"""The hardware of one simulated vehicle in one process: Bluetooth instruments, ECG, cameras, controls."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from .air import Air
from .ble.cabinet import instruments
from .camera import SceneCamera
from .control import Control
from .control_ble import BleControl
from .control_wire import WireControl
from .ecg import EcgBox, Source, recorded, synthesised
from .equipment import Equipment
from .exam_cameras import ExamCameras
from .patient import Patient
from .stethoscope import StethoscopeBox
from .wire.cart import Cart
from .wire.leads import synthesised as synthesised_twelve
from .wire.rack import wired

_log = structlog.get_logger()

HOST: Final = "127.0.0.1"
ROOM_WIDTH, ROOM_HEIGHT, ROOM_FPS = 1280, 720, 25


@dataclass(frozen=True, slots=True)
class VehicleOptions:
    """What the command line said. `ecg_record` (one lead) and `twelve_record` are WFDB paths without extension,
    `instruments` names of `equipment`."""

    directory: Path
    ecg_record: Path | None = None
    ecg_rate: float | None = None
    room_camera: bool = True
    instruments: tuple[str, ...] = ()
    twelve_record: Path | None = None


async def run(options: VehicleOptions) -> None:
    """Everything until SIGINT or SIGTERM. `DIR/sim.json` appears, whole, when all parts answer."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve(options, stop, lambda: print("ready", flush=True))


async def serve(options: VehicleOptions, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """The hardware, from `ready()` until `stop`."""
    options.directory.mkdir(parents=True, exist_ok=True)
    described = options.directory / "sim.json"
    described.unlink(missing_ok=True)
    # The instruments have forgotten their bonds with their process; so shall the gateway's adapter.
    bonds = options.directory.resolve() / "bonds.json"
    bonds.unlink(missing_ok=True)
    patient, aboard = Patient(), Equipment.of(options.instruments)
    home = options.directory.resolve()
    source = await asyncio.to_thread(_ecg_source, options, patient)
    rack = await asyncio.to_thread(wired, aboard.wired, home, patient, options.twelve_record)
    cart = Cart(home / "cart", await asyncio.to_thread(synthesised_twelve, patient)) if aboard.cart else None
    ear = StethoscopeBox(HOST) if aboard.stethoscope else None
    async with AsyncExitStack() as stack:
        stack.callback(described.unlink, missing_ok=True)
        air, cameras = Air(), ExamCameras()
        hci = await air.start(HOST)
        stack.push_async_callback(air.stop)
        pictures = await cameras.start(HOST)
        stack.push_async_callback(cameras.stop)
        ble = instruments(aboard.ble, air, patient)
        ble_control = BleControl(ble, air)
        ecg = EcgBox(source, options.directory.resolve() / "ecg", patient)
        room = _room_camera() if options.room_camera else None
        control = Control(patient, ble_control, WireControl(rack, cart, ear), ecg, cameras, room)
        control_url = await control.start(HOST)
        stack.push_async_callback(control.stop)
        async with asyncio.TaskGroup() as tasks:
            plugged_in = [asyncio.Event() for _ in ble]
            running = [tasks.create_task(instrument.run(there.set))
                       for instrument, there in zip(ble.values(), plugged_in, strict=True)]
            running.append(tasks.create_task(ecg.run()))
            running += [tasks.create_task(device.box.run()) for device in rack.values()]
            if ear is not None:
                ear.open()
                running.append(tasks.create_task(ear.run()))
            if room is not None:
                running.append(tasks.create_task(room.run()))
            for there in plugged_in:
                await there.wait()
            _write(described, {
                "pid": os.getpid(),
                "control": control_url,
                "hci": f"tcp-client:{HOST}:{hci},bonds={bonds}",
                "cuff": ble["cuff"].plate.address,
                "ble": ble_control.described(),
                "ecg": str(ecg.path),
                "ecg_rate_hz": source.rate_hz,
                "skin": pictures["skin"],
                "cameras": {name: url for name, url in pictures.items() if name == "skin" or name in aboard.cameras},
                "wired": {name: device.described() for name, device in rack.items()},
                "cart": str(cart.folder) if cart is not None else "",
                "stethoscope": {"source": ear.address, "rate_hz": ear.rate_hz} if ear is not None else {},
                "camera": f"tcp://{HOST}:{room.port}" if room is not None else "",
            })
            ready()
            await stop.wait()
            for task in running:
                task.cancel()


def _ecg_source(options: VehicleOptions, patient: Patient) -> Source:
    if options.ecg_record is not None:
        return recorded(options.ecg_record, options.ecg_rate)
    return synthesised(patient) if options.ecg_rate is None else synthesised(patient, options.ecg_rate)


def _room_camera() -> SceneCamera:
    camera = SceneCamera(HOST, 0, ROOM_WIDTH, ROOM_HEIGHT, ROOM_FPS)
    camera.open()
    return camera


def _write(path: Path, parts: dict[str, Any]) -> None:
    """Whole or not at all: whoever waits for the file reads it at once."""
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(parts, indent=1))
    beside.replace(path)
