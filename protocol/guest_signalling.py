"""Signalling of a call's guests, between the guest's page, the relay and the two hosts; frames as in `signalling`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from .binding import Side
from .guests import GuestBinding, GuestCard
from .values import Code, IceServer, Id, Line, Sdp, Struct


class GuestEntered(Struct, tag="guest_entered", frozen=True, kw_only=True):
    """Relay -> host (vehicle or doctor): the guest's page is there; make an offer of this generation to it. Said
    again with a higher one after a rejoin."""

    call_id: Id
    guest: GuestCard
    generation: int
    ice_servers: tuple[IceServer, ...] = ()


class GuestOffer(Struct, tag="guest_offer", frozen=True, kw_only=True):
    """Host -> relay -> guest; the relay refuses a `binding.host` that is not the sender's role."""

    call_id: Id
    guest_id: Id
    generation: int
    sdp: Sdp
    binding: GuestBinding


class GuestAnswer(Struct, tag="guest_answer", frozen=True, kw_only=True):
    """Guest -> relay -> the host of `binding.host`."""

    call_id: Id
    guest_id: Id
    generation: int
    sdp: Sdp
    binding: GuestBinding


class GuestCandidate(Struct, tag="guest_candidate", frozen=True, kw_only=True):
    """Between the guest and the host named, either way (RFC 8838)."""

    call_id: Id
    guest_id: Id
    host: Side
    generation: int
    candidate: Annotated[str, Meta(max_length=1024)]
    sdp_mid: Line = ""
    sdp_m_line_index: int = 0


class GuestRejoin(Struct, tag="guest_rejoin", frozen=True, kw_only=True):
    """Guest or host -> relay: the connection between the guest and `host` is lost, `generation` failed. The relay
    raises it for this pair and says `guest_entered` to the host."""

    call_id: Id
    guest_id: Id
    host: Side
    generation: int
    cause: Code = "call.reload"


class GuestAway(Struct, tag="guest_away", frozen=True, kw_only=True):
    """Relay -> hosts: the guest's signalling socket went, or came back."""

    call_id: Id
    guest_id: Id
    away: bool


class GuestLeft(Struct, tag="guest_left", frozen=True, kw_only=True):
    """Guest or host -> relay -> the others: the guest's part is over for good; the link stays used up."""

    call_id: Id
    guest_id: Id
    by: Line = ""


class GuestRefused(Struct, tag="guest_refused", frozen=True, kw_only=True):
    """Guest or host -> relay -> the other of this pair: the binding does not hold. The relay writes it in the audit."""

    call_id: Id
    guest_id: Id
    host: Side
    generation: int
    code: Code
