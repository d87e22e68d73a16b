"""What is on board: one frozen value per instrument, and the radio they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from protocol.readings import InstrumentKind

LEAD_I = 131329
"""MDC_ECG_LEAD_I (ISO/IEEE 11073-10101): what three electrodes on two arms and a leg give."""


@dataclass(frozen=True, slots=True)
class InstrumentConfig:
    """One numbered instrument.

    `source` by `driver`: `ble` (or its old name `ua651ble`) a Bluetooth address, or the beginning of the advertised
    name (any such instrument in reach is then taken: for demonstrations); `healthypi5`, `ads1292r`, `cyton`,
    `corometrics`, `ecg12` the path of the serial device, best under /dev/serial/by-id, or `usb:VID:PID[:SERIAL]`;
    `ecg_folder` the folder that an ECG cart writes to; `still` one of `v4l2:/dev/v4l/by-id/…`,
    `usb:VID:PID[:SERIAL]`, `http://…` (MJPEG), `file:PATH`.
    `model` names a radio instrument's manners (`models.MODELS`) where it does not say itself what it is; empty: it is
    recognised. `rate_hz`, `gain`, `lead` are the ECG's: samples a second, amplifier gain in V/V, MDC code of the lead.
    `key`, hexadecimal, is what an older Omron was paired with.
    """

    number: int
    instrument_id: str
    kind: InstrumentKind
    name: str
    driver: str
    source: str
    simulated: bool = False
    rate_hz: Decimal = Decimal(128)
    gain: int = 80
    lead: int = LEAD_I
    leads: tuple[int, ...] = ()
    """MDC code by channel of a board with several; 0: not connected. Empty: the first channel is `lead`."""
    model: str = ""
    key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.number <= 99:
            raise ValueError(f"number {self.number} is not between 1 and 99")
        if not Decimal(1) <= self.rate_hz <= Decimal(4000):
            raise ValueError(f"rate_hz {self.rate_hz} is not between 1 and 4000")
        if self.gain not in (20, 40, 80, 160):
            raise ValueError(f"gain {self.gain} is not 20, 40, 80 or 160")
        if not self.source:
            raise ValueError("source is empty")


@dataclass(frozen=True, slots=True)
class RadioConfig:
    """Where Bluetooth comes from. `backend` empty: BlueZ, `address` names the adapter (`hci0`, empty: the first).
    Else `module:callable`, called with `address`, which returns bleak's two backend classes (scanner, client)."""

    backend: str = ""
    address: str = ""
