"""The link layer between controllers in one room, with what happens to radio waves: out of range, deaf, in range again.

bumble's own link delivers everything at once; here a controller can be carried away. Within the supervision timeout the
link layer repeats what got no answer, so nothing is lost; after it both sides see the connection fall.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from bumble import hci, ll
from bumble.controller import Controller
from bumble.core import PhysicalTransport
from bumble.link import LocalLink

SUPERVISION_S: Final = 2.0
"""Instruments ask for two to six seconds (Core 5.4, Vol 6, Part B, 4.5.2 allows 0.1 to 32): the shortest of those,
so that a training does not wait."""

ESTABLISHED_S: Final = 0.18
"""Six connection intervals of 30 ms without an answer (Core 5.4, Vol 6, Part B, 4.5)."""

HELD: Final = 256
"""Packets that wait for a controller out of range: it holds 64 of its own; past this they are lost."""


class RoomController(Controller):
    """bumble's controller with the two commands that recovery needs and that it leaves out."""

    def on_hci_le_create_connection_cancel_command(
            self, _command: hci.HCI_LE_Create_Connection_Cancel_Command) -> hci.HCI_StatusReturnParameters:
        """Core 5.4, Vol 4, Part E, 7.8.13: the connection being made ends with 0x02."""
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is not None:
            self.send_hci_packet(hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR, connection_handle=0,
                role=hci.Role.CENTRAL, peer_address_type=pending.peer_address.address_type,
                peer_address=pending.peer_address, connection_interval=0, peripheral_latency=0,
                supervision_timeout=0, central_clock_accuracy=0))
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_reset_command(self, command: hci.HCI_Reset_Command) -> hci.HCI_StatusReturnParameters:
        """7.3.2: the controller forgets what it was doing; peers see a timeout."""
        self.drop_all()
        self.pending_le_connection = None
        self.le_scan_enable = False
        if isinstance(self.link, Ether):
            self.link.hear(self)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def drop_all(self) -> None:
        """Its side of every connection is gone without a word; the peers notice by their supervision timeout."""
        self.le_legacy_advertiser.stop()
        for connection in list(self.le_connections.values()):
            if isinstance(self.link, Ether):
                self.link.tell_lost(connection.peer_address, self.random_address)
        self.le_connections.clear()


class Ether(LocalLink):
    """Everything on the air of one vehicle."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._away: dict[Controller, list[Callable[[], None]]] = {}
        self._deaf: set[Controller] = set()

    def carry_away(self, controller: Controller) -> None:
        """Out of range: silence at once, and after the supervision timeout no connection."""
        if controller not in self._away:
            self._away[controller] = []
            asyncio.get_running_loop().call_later(SUPERVISION_S, self._give_up, controller, self._away[controller])

    def bring_back(self, controller: Controller) -> None:
        """In range: what the link layer still repeats arrives."""
        for deliver in self._away.pop(controller, []):
            deliver()

    def deafen(self, controller: Controller) -> None:
        """It hears no advertisement until it is reset: a state that real adapters get into."""
        self._deaf.add(controller)

    def hear(self, controller: Controller) -> None:
        """The end of deafness."""
        self._deaf.discard(controller)

    def is_deaf(self, controller: Controller) -> bool:
        """Whether it hears nobody."""
        return controller in self._deaf

    def remove_controller(self, controller: Controller) -> None:
        self._deaf.discard(controller)
        self._away.pop(controller, None)
        super().remove_controller(controller)

    def send_acl_data(self, sender_controller: Controller, destination_address: hci.Address,
                      transport: PhysicalTransport, data: bytes) -> None:
        receiver = self.find_le_controller(destination_address)
        if receiver is not None:
            self._reach(sender_controller, receiver, lambda: super(Ether, self).send_acl_data(
                sender_controller, destination_address, transport, data))

    def send_ll_control_pdu(self, sender_address: hci.Address, receiver_address: hci.Address,
                            packet: ll.ControlPdu) -> None:
        sender, receiver = self.find_le_controller(sender_address), self.find_le_controller(receiver_address)
        if sender is not None and receiver is not None:
            self._reach(sender, receiver, lambda: super(Ether, self).send_ll_control_pdu(
                sender_address, receiver_address, packet))

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        if sender_controller in self._away:
            return
        loop = asyncio.get_running_loop()
        heard = _with_scan_response(sender_controller, packet)
        for controller in self.controllers:
            if controller is sender_controller or controller in self._away:
                continue
            if controller in self._deaf and not isinstance(packet, ll.ConnectInd):
                continue
            loop.call_soon(controller.on_ll_advertising_pdu, heard)
        if isinstance(packet, ll.ConnectInd):
            loop.call_later(ESTABLISHED_S, self._established, packet)

    def tell_lost(self, address: hci.Address, peer: hci.Address,
                  reason: int = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR) -> None:
        """The controller at `address` sees its connection with `peer` end (Core 5.4, Vol 1, Part F, 2.8)."""
        controller = self.find_le_controller(address)
        connection = controller.le_connections.get(peer) if controller is not None else None
        if controller is not None and connection is not None:
            controller.on_le_disconnected(connection, reason)

    def _established(self, packet: ll.ConnectInd) -> None:
        """Whoever was called has answered; if not, bumble's initiator would hold a connection with nobody."""
        called = self.find_le_controller(packet.advertiser_address)
        if called is None or packet.initiator_address not in called.le_connections:
            self.tell_lost(packet.initiator_address, packet.advertiser_address,
                           hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR)

    def _reach(self, sender: Controller, receiver: Controller, deliver: Callable[[], None]) -> None:
        held = self._away.get(sender, self._away.get(receiver))
        if held is None:
            deliver()
        elif len(held) < HELD:
            held.append(deliver)

    def _give_up(self, controller: Controller, held: list[Callable[[], None]]) -> None:
        if self._away.get(controller) is not held:
            return
        held.clear()
        for connection in list(controller.le_connections.values()):
            self.tell_lost(connection.peer_address, connection.self_address)
            controller.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
        # A peer may hold a connection that this side has already ended without being heard.
        for other in self.controllers:
            self.tell_lost(other.random_address, controller.random_address)


def _with_scan_response(sender: Any, packet: ll.AdvertisingPdu) -> ll.AdvertisingPdu:
    """An active scanner hears advertisement and scan response; bumble's link carries only the first."""
    if not isinstance(packet, ll.AdvExtInd):
        return packet
    response = b"".join(bytes(advertising.scan_response_data) for advertising in sender.advertising_sets.values()
                        if advertising.address == packet.advertiser_address)
    if not response:
        return packet
    return ll.AdvExtInd(advertiser_address=packet.advertiser_address, data=packet.data + response, sid=packet.sid)
