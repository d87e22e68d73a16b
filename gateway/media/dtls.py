"""DTLS of a call that outlives forged and malformed input. Private hooks of aiortc 1.16 (docs/adr/media-hooks.md)."""

from __future__ import annotations

import asyncio

import structlog
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport, State
from aiortc.rtcicetransport import RTCIceTransport
from OpenSSL import SSL

from .gate import Gate, Stage

TURN_PACKETS = 32
"""Handled before other work gets its turn: four milliseconds at 120 us each, a packet of voice comes each 20."""

HANDSHAKES_MAX = 8
"""Begun anew after input that nobody genuine sends; each costs a signature, about 0.1 ms."""

_log = structlog.get_logger()


class GuardedDtls(RTCDtlsTransport):
    """As the library's, but one bad packet ends nothing and many of them hold up nobody.

    `gate` is to be asked before a datagram is queued.
    """

    def __init__(self, transport: RTCIceTransport, certificates: list[RTCCertificate]) -> None:
        super().__init__(transport, certificates)
        self.gate = Gate()
        self._certificate = certificates[0]
        self._served = 0
        self._failed: set[str] = set()

    async def _do_handshake(self) -> None:
        for _ in range(HANDSHAKES_MAX):
            assert self._ssl is not None
            try:
                while not self.encrypted:
                    try:
                        self._ssl.do_handshake()
                    except SSL.WantReadError:
                        await self._write_ssl()
                        await self._recv_next()
                    else:
                        self.encrypted = True
                self.gate.stage = Stage.secured
                return
            except SSL.Error:
                _log.warning("dtls.handshake_broken")
                self._begin_anew()
            except ConnectionError:
                break
        self._set_state(State.FAILED)

    def _begin_anew(self) -> None:
        """Whoever sends its hello (again) finds a side that knows of none."""
        self._ssl = SSL.Connection(self._certificate._create_ssl_context(srtp_profiles=self._srtp_profiles))
        if self._role == "server":
            self._ssl.set_accept_state()
        else:
            self._ssl.set_connect_state()

    async def _recv_next(self) -> None:
        self._served += 1
        if self._served % TURN_PACKETS == 0:
            # A full queue never waits: without this nothing else would run until it is empty.
            await asyncio.sleep(0)
        try:
            await super()._recv_next()
        except ConnectionError:
            raise
        except Exception as error:
            if not self.encrypted and isinstance(error, SSL.Error):
                raise
            # The library's parsers take signed input for well-formed. It is the peer's, who may be out of order.
            if type(error).__name__ not in self._failed:
                self._failed.add(type(error).__name__)
                _log.warning("dtls.packet_dropped", error=type(error).__name__)

    async def _write_ssl(self) -> None:
        try:
            await super()._write_ssl()
        except (OSError, RuntimeError) as error:
            # uvloop says RuntimeError for a socket that closed meanwhile; who sends expects ConnectionError.
            raise ConnectionError("the socket is gone") from error

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self.gate.prove(data)
        await super()._handle_rtcp_data(data)

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self.gate.prove(data)
        await super()._handle_rtp_data(data, arrival_time_ms=arrival_time_ms)
