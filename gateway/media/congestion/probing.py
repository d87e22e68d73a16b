"""Growth by trying: a short train of packets at a higher rate, and what came of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

TRAIN_SECONDS = 0.04
"""Four turns of a cellular scheduler (10 ms). What a train that was too fast leaves in the queue drains in as long."""

FIRST_TRAIN_SECONDS = 0.02
"""The first train of a call may be seven times too fast, and the picture waits for it."""

TRAIN_PACKETS, TRAIN_PACKETS_MAX = 6, 40
PACKET_BYTES, PACKET_BYTES_MAX = 80, 320
"""On the wire. RTP padding ends at 255 octets (RFC 3550, section 5.1)."""

ARRIVED_SHARE = 0.6
"""Fewer arrivals tell of loss, not of a rate."""

SURE_SHARE = 0.8
"""A train that came through at this share of its rate found no limit."""

TRAIN_SPREAD_SECONDS = 0.004
"""Packets that arrive closer than this together came in one turn of the scheduler."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A train to send: `packets` of `size` octets on the wire at `rate` bit/s, all marked with `id`."""

    id: int
    rate: float
    packets: int
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a train showed: `rate` bit/s came through; `free`: it was not the path that held it."""

    rate: float
    free: bool


def train(number: int, rate: float, seconds: float = TRAIN_SECONDS) -> Probe:
    """A train at this rate that lasts so long."""
    octets = rate * seconds / 8
    size = min(PACKET_BYTES_MAX, max(PACKET_BYTES, octets / TRAIN_PACKETS))
    packets = min(TRAIN_PACKETS_MAX, max(TRAIN_PACKETS, octets / size))
    return Probe(number, rate, round(packets), round(size))


class Judge:
    """Collects the arrivals of one train; whatever else left between its packets counts too."""

    def __init__(self, probe: Probe, now: float) -> None:
        self.probe = probe
        self.since = now
        self._arrived: list[tuple[float, float, int]] = []
        self._beside: list[tuple[float, int]] = []

    def beside(self, size: int, now: float) -> None:
        """A packet left that nobody will acknowledge: between two of the train's it took its time on the path."""
        self._beside.append((now, size))

    def add(self, sent: float, arrived: float, size: int) -> None:
        """One packet of it arrived."""
        self._arrived.append((sent, arrived, size))

    @property
    def complete(self) -> bool:
        """Whether nothing more is to be waited for."""
        return len(self._arrived) >= self.probe.packets

    def found(self) -> Found | None:
        """None when too little arrived to say anything."""
        if len(self._arrived) < max(3, ARRIVED_SHARE * self.probe.packets):
            return None
        came = sorted(self._arrived, key=lambda packet: packet[1])
        left = sorted(self._arrived)
        octets = sum(size for _, _, size in self._arrived) + sum(
            size for at, size in self._beside if left[0][0] < at < left[-1][0])
        arriving = 8 * (octets - came[0][2]) / max(came[-1][1] - came[0][1], TRAIN_SPREAD_SECONDS)
        leaving = 8 * (octets - left[-1][2]) / max(left[-1][0] - left[0][0], TRAIN_SPREAD_SECONDS)
        rate = min(arriving, leaving)
        return Found(rate, arriving >= SURE_SHARE * leaving)
