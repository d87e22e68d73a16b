"""A serial device opened by its path; bytes go to a callback. The only importer of pyserial."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

import serial

from ..errors import InstrumentFailed

READ_BYTES: Final = 4096
"""The kernel's tty buffer."""

OPEN_S: Final = 5.0
"""Opening a USB serial port asks the device for its line state; a hung one never answers."""


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

    def close(self) -> None:
        """Release the device; idempotent."""
        port, self._port = self._port, None
        if port is not None:
            self._loop.remove_reader(self._fd)
            port.close()


async def open_port(path: str, baud: int, received: Callable[[bytes], None], lost: Callable[[], None]) -> SerialPort:
    """Open `path` raw, for us alone, with DTR up (a HealthyPi 5 is silent without).

    `received` gets bytes in the event loop, `lost` comes once when the device goes away.
    InstrumentFailed: `instrument.unplugged`, `instrument.busy`, `instrument.forbidden`, `instrument.silent`.
    """
    try:
        async with asyncio.timeout(OPEN_S):
            port = await asyncio.to_thread(_open, path, baud)
    except TimeoutError as error:
        raise InstrumentFailed("instrument.silent", path) from error
    except FileNotFoundError as error:
        raise InstrumentFailed("instrument.unplugged", path) from error
    except serial.SerialException as error:
        code = {13: "instrument.forbidden", 11: "instrument.busy", 16: "instrument.busy"}.get(
            error.errno or 0, "instrument.unplugged")
        raise InstrumentFailed(code, path) from error
    return SerialPort(port, received, lost)


def _open(path: str, baud: int) -> serial.Serial:
    # pyserial opens non-blocking, so reading in the loop never waits.
    return serial.Serial(path, baud, timeout=0, exclusive=True)
