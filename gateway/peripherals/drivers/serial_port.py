"""A serial device found by its path or its USB identity; bytes go to a callback. The only importer of pyserial."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import serial
from serial.tools import list_ports

from ..errors import InstrumentFailed

READ_BYTES: Final = 4096
"""The kernel's tty buffer."""

OPEN_S: Final = 5.0
"""Opening a USB serial port asks the device for its line state; a hung one never answers."""


USB: Final = "usb:"
"""`usb:VID:PID` or `usb:VID:PID:SERIAL`, hexadecimal as `lsusb` prints them: the device wherever it is plugged in."""


def locate(source: str, comports: Callable[[], Iterable[Any]] = list_ports.comports) -> str | None:
    """The path of the device that is there now; None while it is not. Two that fit: the first by path, so that it
    stays the same one."""
    if not source.startswith(USB):
        return source if Path(source).exists() else None
    vendor, product, *serial_number = source[len(USB):].split(":", 2)
    wanted = (int(vendor, 16), int(product, 16))
    fitting = (port.device for port in comports()
               if (port.vid, port.pid) == wanted and serial_number in ([], [port.serial_number]))
    return min(fitting, default=None)


def check_source(source: str) -> None:
    """ValueError when a `usb:` source can't be read."""
    if source.startswith(USB):
        vendor, product, *_ = (*source[len(USB):].split(":", 2), "")
        if not all(re.fullmatch("[0-9a-fA-F]{4}", number) for number in (vendor, product)):
            raise ValueError(f"source {source!r} is not usb:VID:PID or usb:VID:PID:SERIAL")


class SerialPort:
    """One opening of the device: an unplugged one never comes back, the next plug is a new object."""

    def __init__(self, port: serial.Serial, received: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._port: serial.Serial | None = port
        self._fd: int = port.fileno()
        self._received, self._lost = received, lost
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._received(data)
        else:
            # A tty that is readable without bytes has hung up: the device was unplugged.
            self.close()
            self._lost()

    def write(self, data: bytes) -> None:
        """Send a command of a few bytes, which the kernel takes at once. InstrumentFailed when the device is gone."""
        if self._port is None:
            raise InstrumentFailed("instrument.unplugged")
        try:
            if data and os.write(self._fd, data) != len(data):
                raise InstrumentFailed("instrument.silent")
        except BlockingIOError as error:
            raise InstrumentFailed("instrument.silent") from error
        except OSError as error:
            raise InstrumentFailed("instrument.unplugged") from error

    def close(self) -> None:
        """Release the device; idempotent."""
        port, self._port = self._port, None
        if port is not None:
            self._loop.remove_reader(self._fd)
            port.close()


async def open_port(source: str, baud: int, received: Callable[[bytes], None],
                    lost: Callable[[], None]) -> SerialPort:
    """Open `source` (as `locate` has it) raw, for us alone, with DTR up (a HealthyPi 5 is silent without).

    `received` gets bytes in the event loop, `lost` comes once when the device goes away.
    InstrumentFailed: `instrument.unplugged`, `instrument.busy`, `instrument.forbidden`, `instrument.silent`.
    """
    try:
        async with asyncio.timeout(OPEN_S):
            port = await asyncio.to_thread(_open, source, baud)
    except TimeoutError as error:
        raise InstrumentFailed("instrument.silent", source) from error
    except FileNotFoundError as error:
        raise InstrumentFailed("instrument.unplugged", source) from error
    except serial.SerialException as error:
        code = {13: "instrument.forbidden", 11: "instrument.busy", 16: "instrument.busy"}.get(
            error.errno or 0, "instrument.unplugged")
        raise InstrumentFailed(code, source) from error
    return SerialPort(port, received, lost)


def _open(source: str, baud: int) -> serial.Serial:
    path = locate(source)
    if path is None:
        raise FileNotFoundError(source)
    # pyserial opens non-blocking, so reading in the loop never waits.
    return serial.Serial(path, baud, timeout=0, exclusive=True)
