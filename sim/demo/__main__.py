"""`./run demo`: bring the world up, say where to look, end everything on Ctrl-C; `--tour` plays the walk-through."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import time
import webbrowser
from pathlib import Path

from .configuration import DOCTORS, EQUIPMENT, IT_ACCOUNT, NURSES
from .processes import DemoFailed
from .world import PORT_BASE, ROOT, Ports, World

_HELP_WHILE_RUNNING = """
  Dans ce terminal / in this terminal:
    t  prendre la tension          take the blood pressure
    c  débrancher la caméra        unplug the room camera (c again: plug it back)
    e  débrancher l'ECG            unplug the ECG (e again: plug it back)
    q  (ou Ctrl-C)  tout arrêter   end everything
"""


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run demo", description="The relay and a simulated vehicle.")
    parser.add_argument("--tour", action="store_true", help="play the walk-through headless with two browsers")
    parser.add_argument("--out", type=Path, default=Path("out/tour"), help="where the tour saves its pictures")
    parser.add_argument("--ecg-record", type=Path, help="a WFDB record (without extension) for the simulated ECG")
    parser.add_argument("--fresh", action="store_true", help="forget the earlier demonstration first")
    parser.add_argument("--directory", type=Path, default=ROOT / ".passerelle" / "demo")
    parser.add_argument("--port-base", type=int, default=PORT_BASE)
    options = parser.parse_args(argv)
    if options.ecg_record is not None:
        options.ecg_record = options.ecg_record.resolve()
        if not options.ecg_record.with_suffix(".hea").exists():
            parser.error(f"--ecg-record: there is no WFDB header {options.ecg_record.with_suffix('.hea')}")
    return options


def _announce(world: World, seconds: float) -> None:
    vehicle = world.vehicles[0]
    doctors = ", ".join(f"{a.account} / {a.password}" for a in DOCTORS)
    nurses = ", ".join(f"{n.name}: {n.pin}" for n in NURSES)
    print(f"""
Passerelle: démonstration prête en {seconds:.1f} s (matériel et comptes simulés)

  Infirmière / nurse   {vehicle.kiosk_url:32} {nurses}
  Médecin / doctor     {world.relay_url + '/':32} {doctors}
  Support / IT         passerelle-fleet --relay {world.relay_url} sign-in   {IT_ACCOUNT.account} / {IT_ACCOUNT.password}

  Ordonnances imprimées / printed pages   {vehicle.prints}
  Journaux / logs                         {world.directory / 'logs'}""", flush=True)
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(vehicle.kiosk_url)
        webbrowser.open(world.relay_url)


class _Keys:
    """What the person at the terminal types: one letter and Enter."""

    def __init__(self, world: World, stop: asyncio.Event) -> None:
        self._world, self._stop = world, stop
        self._unplugged = {"camera": False, "ecg": False}
        self._lines: asyncio.Queue[str] = asyncio.Queue(maxsize=8)

    def read(self) -> None:
        """Called when the terminal has a line; past eight unhandled lines it is dropped."""
        line = sys.stdin.readline()
        if line and not self._lines.full():
            self._lines.put_nowait(line.strip().lower())

    async def obey(self) -> None:
        """Do what is typed until `q`."""
        while not self._stop.is_set():
            key = await self._lines.get()
            if key == "q":
                self._stop.set()
            elif key == "t":
                print("  La tension est prise… / measuring…", flush=True)
                await self._world.vehicles[0].control("cuff/measure")
            elif key in ("c", "e"):
                await self._toggle("camera" if key == "c" else "ecg")
            elif key:
                print(_HELP_WHILE_RUNNING, flush=True)

    async def _toggle(self, part: str) -> None:
        unplugged = self._unplugged[part] = not self._unplugged[part]
        await self._world.vehicles[0].control(f"{part}/{'unplug' if unplugged else 'plug'}")
        print(f"  {part}: {'débranché / unplugged' if unplugged else 'rebranché / plugged'}", flush=True)


async def _until_stopped(world: World, stop: asyncio.Event) -> None:
    if not sys.stdin.isatty():
        await stop.wait()
        return
    print(_HELP_WHILE_RUNNING, flush=True)
    keys = _Keys(world, stop)
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), keys.read)
    try:
        async with asyncio.TaskGroup() as group:
            obeying = group.create_task(keys.obey())
            await stop.wait()
            obeying.cancel()
    finally:
        loop.remove_reader(sys.stdin.fileno())


async def _main(options: argparse.Namespace) -> int:
    started = time.monotonic()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    directory = options.directory / "tour" if options.tour else options.directory
    if options.fresh or options.tour:
        shutil.rmtree(directory, ignore_errors=True)
    interfaces = ("lo",) if options.tour else ("*", "lo")
    world = World(directory.resolve(), Ports.from_base(options.port_base), options.ecg_record, interfaces,
                  equipment=EQUIPMENT)
    try:
        await world.start()
        if options.tour:
            from sim.bots.tour import play

            return await play(world, options.out)
        _announce(world, time.monotonic() - started)
        await _until_stopped(world, stop)
        return 0
    except DemoFailed as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 69
    finally:
        await world.stop()


if __name__ == "__main__":
    raise SystemExit(asyncio.run(_main(_arguments(sys.argv[1:]))))
