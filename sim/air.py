"""The radio space of a simulated vehicle: controllers on one link, and a socket where a host plugs its adapter in.

The link and the instruments live here, the gateway's Bluetooth host in the gateway's process: kill -9 of the
gateway is for the cuff what it is in life, an adapter that falls silent.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from bumble.controller import Controller
from bumble.transport.common import PacketParser

from .ether import Ether, RoomController

_log = structlog.get_logger()

BACKLOG_BYTES: Final = 1024 * 1024
"""HCI events waiting for a host that does not read: advertisements alone make 4 KiB a second; past it it is cut."""


class Air:
    """One virtual radio space."""

    def __init__(self) -> None:
        self.link = Ether()
        self._server: asyncio.Server | None = None
        self._plugged: _Adapter | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen for a host; returns the port. HCI in H4 framing (Core 5.4, Vol 4, Part A)."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Adapter(self), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the socket; the host sees its adapter unplugged."""
        if self._server is not None:
            self._server.close()
            if self._plugged is not None:
                self._plugged.unplug()
            await self._server.wait_closed()

    def controller(self, name: str) -> Controller:
        """A controller for an instrument of ours."""
        return RoomController(name, link=self.link)

    def carry_away(self, controller: Controller) -> None:
        """An instrument leaves the reach of everybody."""
        self.link.carry_away(controller)

    def bring_back(self, controller: Controller) -> None:
        """It is there again."""
        self.link.bring_back(controller)

    def deafen(self) -> bool:
        """The gateway's adapter hears nothing any more until it is reset or plugged anew; False without one."""
        return self._plugged is not None and self._plugged.deafen()

    @property
    def deaf(self) -> bool:
        """Whether an adapter is there that hears nothing."""
        return self._plugged is not None and self._plugged.deaf

    def unplug(self) -> None:
        """The gateway's adapter is pulled out."""
        if self._plugged is not None:
            self._plugged.unplug()

    def plugged(self, adapter: _Adapter) -> None:
        """One adapter at a time: a new host's takes the old one's place."""
        if self._plugged is not None:
            self._plugged.unplug()
        self._plugged = adapter

    def removed(self, adapter: _Adapter) -> None:
        """An adapter's socket closed."""
        if self._plugged is adapter:
            self._plugged = None


class _Adapter(asyncio.Protocol):
    """One connection of a host: a fresh controller, which leaves the air with the socket."""

    def __init__(self, air: Air) -> None:
        self._air = air
        self._transport: asyncio.Transport | None = None
        self._controller: RoomController | None = None
        self._parser = PacketParser()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._air.plugged(self)
        self._controller = RoomController("adapter", host_sink=self, link=self._air.link)
        self._parser.sink = self._controller
        _log.info("sim.adapter_plugged")

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_packet(self, packet: bytes) -> None:
        """Controller -> host."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > BACKLOG_BYTES:
            self.unplug()
            return
        self._transport.write(packet)

    def deafen(self) -> bool:
        """Hear no advertisement until HCI Reset; False when it has left already."""
        if self._controller is None:
            return False
        self._air.link.deafen(self._controller)
        _log.info("sim.adapter_deaf")
        return True

    @property
    def deaf(self) -> bool:
        """Whether it hears nothing."""
        return self._controller is not None and self._air.link.is_deaf(self._controller)

    def connection_lost(self, _: Exception | None) -> None:
        self._leave()

    def unplug(self) -> None:
        """Drop the host; idempotent."""
        transport = self._transport
        self._leave()
        if transport is not None:
            transport.abort()

    def _leave(self) -> None:
        controller, self._controller, self._transport = self._controller, None, None
        if controller is None:
            return
        controller.drop_all()
        self._air.link.remove_controller(controller)
        controller.set_packet_sink(None)
        self._air.removed(self)
        _log.info("sim.adapter_unplugged")
