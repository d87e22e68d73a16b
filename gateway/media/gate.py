"""Which datagrams of the peer's address reach DTLS and SRTP. Pure: octets in, a verdict out.

An address can be forged. What cannot be genuine is refused here, before it is queued beside what is: a hello in the
middle of a call, an alert that nobody signed, records that are cut, streams past any number a browser has.
"""

from __future__ import annotations

import enum

SOURCES_MAX = 32
"""SSRCs of one peer that proved theirs: five streams, their retransmissions and reports make a dozen. The keeper of
the keys searches all of them for each packet."""

REPORT_OCTETS = 100
"""Of one report that cost about as much to act on as a report by itself does: a few dozen numbers."""

_RECORD_HEAD, _RTP_HEAD, _RTCP_HEAD = 13, 12, 8
_ALERT, _HANDSHAKE, _CLIENT_HELLO = 21, 22, 1
_CONTENTS = range(20, 27)
"""RFC 6347, RFC 6520, RFC 9147: change of cipher to acknowledgement."""
_UNIFIED = range(32, 64)
"""First octet of an encrypted record of DTLS 1.3 (RFC 9147, section 4.1)."""
_RTP = range(128, 192)
_RTCP_TYPES = range(192, 209)
"""Second octet (RFC 5761, section 4)."""


class Stage(enum.Enum):
    """How far DTLS is."""

    shaking = "shaking"
    secured = "secured"


class Gate:
    """One transport's."""

    def __init__(self) -> None:
        self.stage = Stage.shaking
        self.refused = 0
        self._proved: set[int] = set()

    @property
    def sources(self) -> int:
        """SSRCs that proved theirs."""
        return len(self._proved)

    def prove(self, packet: bytes) -> None:
        """This packet, RTP or RTCP, was authentic; only then does its SSRC count."""
        if len(self._proved) < SOURCES_MAX:
            self._proved.add(_ssrc(packet))

    def admits(self, datagram: bytes) -> bool:
        """Whether to hand it on."""
        admitted = self._admits(datagram)
        self.refused += not admitted
        return admitted

    def _admits(self, datagram: bytes) -> bool:
        first = datagram[0] if datagram else 0
        if first in _RTP:
            return self._media(datagram)
        if first in _UNIFIED:
            return True
        return first in _CONTENTS and self._records(datagram)

    def _media(self, datagram: bytes) -> bool:
        if self.stage is not Stage.secured or len(datagram) < _RTCP_HEAD:
            return False
        if datagram[1] not in _RTCP_TYPES and len(datagram) < _RTP_HEAD:
            return False
        return len(self._proved) < SOURCES_MAX or _ssrc(datagram) in self._proved

    def _records(self, datagram: bytes) -> bool:
        """Whole records, one after the other, and none that only a stranger sends."""
        at = 0
        while at < len(datagram):
            if datagram[at] in _UNIFIED:
                return True
            end = at + _RECORD_HEAD + int.from_bytes(datagram[at + 11:at + 13], "big")
            if end > len(datagram) or at + _RECORD_HEAD >= end or datagram[at] not in _CONTENTS:
                return False
            clear = datagram[at + 3:at + 5] == b"\0\0"
            if clear and datagram[at] == _ALERT:
                # RFC 6347, section 4.1.2.7: unsigned, so anybody's. After a genuine one the set-up timer runs out.
                return False
            hello = clear and datagram[at] == _HANDSHAKE and datagram[at + _RECORD_HEAD] == _CLIENT_HELLO
            if hello and self.stage is Stage.secured:
                return False
            at = end
        return True


def hello_random(datagram: bytes) -> bytes | None:
    """The random of the client hello that begins this datagram (RFC 6347, section 4.2.2); None: it is none, or a later
    part of one."""
    body = _RECORD_HEAD + 12
    if len(datagram) < body + 34 or datagram[0] != _HANDSHAKE or datagram[_RECORD_HEAD] != _CLIENT_HELLO:
        return None
    if datagram[3:5] != b"\0\0" or datagram[_RECORD_HEAD + 6:_RECORD_HEAD + 9] != b"\0\0\0":
        return None
    return datagram[body + 2:body + 34]


def weight(rtcp: bytes) -> int:
    """What a compound packet (RFC 3550, section 6.1) costs to act on: one for each report, and for each
    `REPORT_OCTETS`."""
    reports, at = 0, 0
    while at + 4 <= len(rtcp):
        reports += 1
        at += 4 * (int.from_bytes(rtcp[at + 2:at + 4], "big") + 1)
    return reports + len(rtcp) // REPORT_OCTETS


def _ssrc(packet: bytes) -> int:
    at = 4 if packet[1] in _RTCP_TYPES else 8
    return int.from_bytes(packet[at:at + 4], "big")
