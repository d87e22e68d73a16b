"""A third person in a call: specialist, interpreter or relative, by a one-time link.

The link is `https://RELAY/guest.html#TOKEN.KEY`: a fragment, which no server is sent. The relay made
TOKEN and keeps its hash; KEY is the doctor's page's and goes to the vehicle inside the verified DTLS
of the call, so the relay that passes descriptions on cannot change a fingerprint unseen (I5).

Both the vehicle and the doctor's page are hosts: each makes offers to the guest over the relay, the
guest answers. The vehicle's uplink carries its picture once more, and nothing else of the guest's.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from typing import Annotated

from msgspec import Meta

from .binding import Fingerprint, Side
from .values import Id, Instant, Line, Struct

GuestKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""32 random octets, base64url without padding."""

Mac = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class GuestRole(enum.StrEnum):
    """What the third person is there for."""

    specialist = "specialist"
    interpreter = "interpreter"
    relative = "relative"


class GuestState(enum.StrEnum):
    """Where the guest stands."""

    invited = "invited"
    connecting = "connecting"
    present = "present"
    away = "away"
    """Was there; the page is gone or its network is."""
    left = "left"


class GuestCard(Struct, frozen=True, kw_only=True):
    """Who is invited."""

    guest_id: Id
    role: GuestRole
    name: Annotated[str, Meta(min_length=1, max_length=80)]


class GuestView(Struct, frozen=True, kw_only=True):
    """A guest as the screens show it."""

    guest: GuestCard
    state: GuestState
    since: Instant | None = None


class GuestWanted(Struct, frozen=True, kw_only=True):
    """Body of `POST /doctor/calls/{call_id}/guests`."""

    role: GuestRole
    name: Annotated[str, Meta(min_length=1, max_length=80)]


class GuestInvitation(Struct, frozen=True, kw_only=True):
    """Its answer: `token` is said once, the relay keeps a hash."""

    guest: GuestCard
    token: Annotated[str, Meta(max_length=128)]
    expires_at: Instant


class GuestKnock(Struct, frozen=True, kw_only=True):
    """Body of `POST /guest/invitation`: the guest's page asks who invites, before it uses the link up."""

    token: Annotated[str, Meta(max_length=128)]


class GuestDoor(Struct, frozen=True, kw_only=True):
    """Its answer; asking uses nothing up. Refused with the codes of a guest's `Hello`, at the same rate."""

    guest: GuestCard
    doctor: Line
    """Title and name, as the page says them."""
    vehicle: Line
    simulated: bool = False
    expires_at: Instant


class GuestBinding(Struct, frozen=True, kw_only=True):
    """A DTLS fingerprint under the link's key. `host`: whose connection with the guest it is about;
    `by_guest`: which of its two ends says it. `peer_fingerprint` is empty in an offer's."""

    host: Side
    by_guest: bool
    call_id: Id
    guest_id: Id
    generation: int
    fingerprint: Fingerprint
    peer_fingerprint: Annotated[str, Meta(pattern=r"^(([0-9A-F]{2}:){31}[0-9A-F]{2})?$")] = ""
    mac: Mac

    def holds(self, key: bytes) -> bool:
        """Whether `mac` is this statement's under `key` (32 octets)."""
        return hmac.compare_digest(self.mac, seal(
            key, host=self.host, by_guest=self.by_guest, call_id=self.call_id, guest_id=self.guest_id,
            generation=self.generation, fingerprint=self.fingerprint, peer_fingerprint=self.peer_fingerprint))


def seal(key: bytes, *, host: Side, by_guest: bool, call_id: str, guest_id: str, generation: int, fingerprint: str,
         peer_fingerprint: str = "") -> str:
    """HMAC-SHA-256 (RFC 2104) over one field a line, LF, ASCII; the first line is its domain. Lower-case hex."""
    text = "\n".join(("passerelle guest binding v1", host, "guest" if by_guest else "host", call_id, guest_id,
                      str(generation), fingerprint, peer_fingerprint, ""))
    return hmac.new(key, text.encode("ascii"), hashlib.sha256).hexdigest()
