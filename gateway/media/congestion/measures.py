"""What feedback tells of the path: queue delay, what arrives a second, loss. Pure; seconds, octets, bit/s."""

from __future__ import annotations

from collections import deque

BASE_SECONDS, BASE_STEP = 30.0, 1.0
"""The least delay of this long is that of an empty queue; two clocks drift 3 ms apart meanwhile (100 ppm)."""

STANDING_SECONDS, STANDING_SECONDS_MAX, STANDING_PACKETS = 0.12, 0.4, 3
"""A picture fills a queue for its own length; what never drained during this time stands there. Thin links send too
few packets for that: then the last three, unless they are older still."""

RATE_SECONDS, RATE_SECONDS_MAX, RATE_PACKETS = 0.5, 1.5, 8
"""A cellular scheduler gives turns of up to 100 ms; over less than this its turns would be taken for the link."""

BESIDE_SECONDS, BESIDE_KEPT_SECONDS = 1.0, 4.0
"""Over which the rate of what nobody acknowledges is taken; how long one can ask what left when."""

CLOCK_SECONDS = 60.0
"""No queue is so long: where the delay leaps further, the receiver's clock wrapped (each 12 days) or lies."""

PACKETS_MAX = 1024
"""Of one measure: three times what the ceiling sends in its longest window. A receiver whose clock stands would have
all of them kept."""

LOSS_SECONDS, LOSS_PACKETS = 1.0, 20
"""Loss is judged over a second: over a few packets it is all or nothing."""


class ReceiverClock:
    """The receiver's clock without its leaps: what follows one has the delay of what came before it."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._delay: float | None = None

    def read(self, sent: float, arrived: float) -> float:
        """When a packet arrived, on a clock that goes on."""
        delay = arrived + self._offset - sent
        if self._delay is not None and abs(delay - self._delay) > CLOCK_SECONDS:
            self._offset += self._delay - delay
            delay = self._delay
        self._delay = delay
        return sent + delay


class QueueDelay:
    """One-way delay above the least one seen. The clocks' difference cancels."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, float]] = deque()
        self._recent: deque[tuple[float, float]] = deque(maxlen=PACKETS_MAX)

    def add(self, sent: float, arrived: float) -> float:
        """One packet; its own queue delay."""
        delay = arrived - sent
        if not self._steps or sent - self._steps[-1][0] >= BASE_STEP:
            self._steps.append((sent, delay))
        elif delay < self._steps[-1][1]:
            self._steps[-1] = (self._steps[-1][0], delay)
        while self._steps[-1][0] - self._steps[0][0] > BASE_SECONDS:
            self._steps.popleft()
        self._recent.append((arrived, delay))
        while (len(self._recent) > STANDING_PACKETS and arrived - self._recent[0][0] > STANDING_SECONDS) or (
                len(self._recent) > 1 and arrived - self._recent[0][0] > STANDING_SECONDS_MAX):
            self._recent.popleft()
        return delay - self._base

    @property
    def standing(self) -> float:
        """The delay that the last packets all had."""
        if not self._recent:
            return 0.0
        return max(0.0, min(delay for _, delay in self._recent) - self._base)

    @property
    def newest(self) -> float:
        """That of the last packet alone."""
        return max(0.0, self._recent[-1][1] - self._base) if self._recent else 0.0

    def rebase(self) -> None:
        """The path became longer: what stands now is its empty queue."""
        if self._recent:
            self._steps = deque([(self._steps[-1][0], min(delay for _, delay in self._recent))])

    def forget_recent(self) -> None:
        """What comes next is not to be judged with what came before."""
        self._recent.clear()

    @property
    def _base(self) -> float:
        return min(delay for _, delay in self._steps)


class Arrivals:
    """What arrives a second. A receiver that acknowledges faster than we sent is not believed."""

    def __init__(self) -> None:
        self._packets: deque[tuple[float, float, int]] = deque()
        self._octets = 0

    def add(self, sent: float, arrived: float, size: int) -> None:
        """One packet."""
        self._packets.append((arrived, sent, size))
        self._octets += size
        while (len(self._packets) > RATE_PACKETS and arrived - self._packets[0][0] > RATE_SECONDS) or (
                len(self._packets) > 2 and arrived - self._packets[0][0] > RATE_SECONDS_MAX) or (
                len(self._packets) > PACKETS_MAX):
            self._octets -= self._packets.popleft()[2]

    def rate(self) -> float:
        """bit/s over the window; 0 before two packets came."""
        if len(self._packets) < 2:
            return 0.0
        (came, left, size), (last_came, last_left, _) = self._packets[0], self._packets[-1]
        return 8 * (self._octets - size) / max(last_came - came, last_left - left, 0.02)

    def leaving(self, seconds: float, beside: Beside, least: int = 5) -> float:
        """bit/s at which a queue that stands empties, over the last `seconds` and at least `least` packets. What left
        `beside` them between the first and the last one came through between them as well."""
        start, octets = len(self._packets), 0
        newest = self._packets[-1][0] if self._packets else 0.0
        while start and (newest - self._packets[start - 1][0] <= seconds or len(self._packets) - start < least):
            start -= 1
            octets += self._packets[start][2]
        if len(self._packets) - start < 2:
            return 0.0
        came, left, size = self._packets[start]
        octets += beside.between(left, self._packets[-1][1]) - size
        return 8 * octets / max(newest - came, 0.02)

    def clear(self) -> None:
        """What comes next is not to be averaged with what came before."""
        self._packets.clear()
        self._octets = 0


class Beside:
    """What leaves without being acknowledged, over a second."""

    def __init__(self) -> None:
        self._packets: deque[tuple[float, int]] = deque()

    def add(self, size: int, now: float) -> None:
        """One packet."""
        self._packets.append((now, size))
        while now - self._packets[0][0] > BESIDE_KEPT_SECONDS:
            self._packets.popleft()

    @property
    def rate(self) -> float:
        """bit/s."""
        since = self._packets[-1][0] - BESIDE_SECONDS if self._packets else 0.0
        return 8 * self.between(since, float("inf")) / BESIDE_SECONDS

    def between(self, start: float, end: float) -> int:
        """Octets that left from then to then."""
        octets = 0
        for at, size in reversed(self._packets):
            if at < start:
                break
            if at <= end:
                octets += size
        return octets


class Loss:
    """Share of packets that did not arrive, over the last `seconds`."""

    def __init__(self, seconds: float = LOSS_SECONDS) -> None:
        self._seconds = seconds
        self._reports: deque[tuple[float, int, int]] = deque()

    def add(self, acked: int, lost: int, late: int, now: float) -> None:
        """What one feedback message told."""
        self._reports.append((now, acked, lost - late))
        while len(self._reports) > 1 and now - self._reports[0][0] > self._seconds and sum(
                acked + lost for _, acked, lost in self._reports) > LOSS_PACKETS:
            self._reports.popleft()

    @property
    def packets(self) -> int:
        """How many the share is of."""
        return sum(acked + lost for _, acked, lost in self._reports)

    @property
    def share(self) -> float:
        """0 to 1; 0 before `LOSS_PACKETS` are known of."""
        total = self.packets
        if total < LOSS_PACKETS:
            return 0.0
        return min(1.0, max(0, sum(lost for _, _, lost in self._reports)) / total)

    def clear(self) -> None:
        """Begin anew."""
        self._reports.clear()
