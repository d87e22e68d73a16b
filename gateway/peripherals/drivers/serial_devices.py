"""The serial instruments that stream: line, frames, description of the samples. One entry a device. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol

from ..codes import ECG_UNIT
from ..config import InstrumentConfig
from ..ecg_quality import LEAD_OFF
from ..profiles import ads1292r, corometrics, cyton, ecg12, ecg_leads, healthypi5
from ..profiles.framing import Lost

Row = tuple[int | None, ...]
"""One instant: a sample for each entry of the waveform's leads; None is one the device has no value for."""

NO_HEART_RATE_ROWS: Final = 20
"""Five seconds at 4 Hz: a transducer that is being moved loses the heart for a moment and finds it again."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the samples are, as `protocol.readings.Waveform` has it. `rail`: the count at the end of the range."""

    rate_hz: Decimal
    leads: tuple[int, ...]
    scale: Decimal = Decimal(1)
    unit: str = ECG_UNIT
    lead_units: tuple[str, ...] = ()
    lead_scales: tuple[Decimal, ...] = ()
    rail: int | None = None


class Rows(Protocol):
    """Bytes in; instants and losses out."""

    @property
    def lost_bytes(self) -> int: ...

    @property
    def problem(self) -> str | None:
        """What the device itself says is wrong now."""

    def feed(self, data: bytes) -> Iterable[Row | Lost]: ...

    def flush(self) -> Iterable[Row]: ...


@dataclass(frozen=True, slots=True)
class SerialDevice:
    """One kind of instrument. `start` and `stop` are written after opening and before closing."""

    maker: str
    model: str
    baud: int
    shape: Callable[[InstrumentConfig], Shape]
    rows: Callable[[InstrumentConfig], Rows]
    start: bytes = b""
    stop: bytes = b""


class _Parser(Protocol):
    @property
    def lost_bytes(self) -> int: ...

    def feed(self, data: bytes) -> list[Any]: ...


class _Frames:
    """A profile's parser whose frames are turned into instants by `instants`; `troubled` names a frame's problem."""

    def __init__(self, parser: _Parser, instants: Callable[[Any], Iterable[Row]],
                 troubled: Callable[[Any], str | None] = lambda frame: None) -> None:
        self._parser, self._instants, self._troubled = parser, instants, troubled
        self.problem: str | None = None

    @property
    def lost_bytes(self) -> int:
        return self._parser.lost_bytes

    def feed(self, data: bytes) -> Iterator[Row | Lost]:
        for item in self._parser.feed(data):
            if isinstance(item, Lost):
                yield item
            else:
                self.problem = self._troubled(item)
                yield from self._instants(item)

    def flush(self) -> Iterable[Row]:
        return ()


class _Cardiotocogram:
    """The rows of a fetal monitor; `ctg.no_heart_rate` while no transducer finds one."""

    def __init__(self) -> None:
        self._parser = corometrics.Parser()
        self._without = 0
        self.problem: str | None = None

    @property
    def lost_bytes(self) -> int:
        return self._parser.lost_bytes

    def feed(self, data: bytes) -> Iterator[Row | Lost]:
        for row in self._parser.feed(data):
            yield row if isinstance(row, Lost) else self._row(row)

    def flush(self) -> Iterator[Row]:
        for row in self._parser.flush():
            yield self._row(row)

    def _row(self, row: corometrics.Row) -> Row:
        nothing = row.heart_rate_1 is None and row.heart_rate_2 is None
        self._without = self._without + 1 if nothing else 0
        self.problem = "ctg.no_heart_rate" if self._without >= NO_HEART_RATE_ROWS else None
        return (row.heart_rate_1, row.heart_rate_2, *row.activity)


def _lead(config: InstrumentConfig) -> int:
    """Of a board with one channel."""
    return config.leads[0] if config.leads else config.lead


def _healthypi5(config: InstrumentConfig) -> Shape:
    return Shape(config.rate_hz, (_lead(config),), healthypi5.microvolts_per_count(config.gain),
                 rail=healthypi5.RAIL - 1)


def _cyton_leads(config: InstrumentConfig) -> dict[int, int]:
    """Channel (from 0) to lead, of the channels that have one. Which electrode is on which pin is the wiring's
    business: nothing is derived. ValueError: more channels than there are, none, or a lead on two of them."""
    leads = config.leads or (config.lead,)
    channels = {channel: lead for channel, lead in enumerate(leads) if lead}
    if len(leads) > cyton.CHANNELS or not channels or len(set(channels.values())) < len(channels):
        raise ValueError(f"leads {leads}: up to {cyton.CHANNELS} channels, each lead once")
    return channels


def _cyton(config: InstrumentConfig) -> Shape:
    return Shape(cyton.RATE_HZ, tuple(_cyton_leads(config).values()), cyton.microvolts_per_count(), rail=cyton.RAIL)


def _cyton_rows(config: InstrumentConfig) -> Rows:
    channels = tuple(_cyton_leads(config))
    return _Frames(cyton.Parser(), lambda sample: (tuple(sample.channels[channel] for channel in channels),))


ECG12_RATE_HZ: Final = 500
ECG12_NANOVOLTS: Final = 500
"""docs/instruments/ecg12.md; a frame that says otherwise is not drawn at the wrong height or speed."""


def _ecg12_rows(frame: ecg12.Frame) -> Iterable[Row]:
    fits = (frame.rate_hz, frame.nanovolts) == (ECG12_RATE_HZ, ECG12_NANOVOLTS)
    return frame.rows if fits else ()


def _ecg12_trouble(frame: ecg12.Frame) -> str | None:
    if (frame.rate_hz, frame.nanovolts) != (ECG12_RATE_HZ, ECG12_NANOVOLTS):
        return "ecg.mismatch"
    return LEAD_OFF if frame.off else None


DEVICES: Final = {
    # USB CDC ignores the rate; a HealthyPi on a hardware UART runs at it.
    "healthypi5": SerialDevice("ProtoCentral", "HealthyPi 5", 115_200, _healthypi5,
                               lambda config: _Frames(healthypi5.Parser(), lambda sample: ((sample.ecg,),))),
    "ads1292r": SerialDevice("ProtoCentral", "ADS1292R", 57_600,
                             lambda config: Shape(ads1292r.RATE_HZ, (_lead(config),), ads1292r.MICROVOLTS,
                                                  rail=ads1292r.RAIL),
                             lambda config: _Frames(ads1292r.Parser(), lambda sample: ((sample.ecg,),))),
    "cyton": SerialDevice("OpenBCI", "Cyton", 115_200, _cyton, _cyton_rows, cyton.START, cyton.STOP),
    "corometrics": SerialDevice(
        "GE", "Corometrics", 9_600,
        lambda config: Shape(corometrics.HEART_RATE_HZ,
                             (ecg_leads.FETAL_HEART_RATE_1, ecg_leads.FETAL_HEART_RATE_2,
                              ecg_leads.UTERINE_ACTIVITY, ecg_leads.UTERINE_ACTIVITY),
                             unit="/min", lead_units=("/min", "/min", *(corometrics.ACTIVITY_UNIT,) * 2),
                             lead_scales=(Decimal(1),) * 4),
        lambda config: _Cardiotocogram()),
    "ecg12": SerialDevice("", "ECG 12", 460_800,
                          lambda config: Shape(Decimal(ECG12_RATE_HZ), ecg_leads.TWELVE,
                                               Decimal(ECG12_NANOVOLTS).scaleb(-3), rail=2**15 - 1),
                          lambda config: _Frames(ecg12.Parser(), _ecg12_rows, _ecg12_trouble)),
}
"""By the name of the driver in the configuration."""
