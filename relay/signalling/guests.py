"""A third person of a call, as the relay keeps it: two peer connections, each with its generations. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocol.binding import Side
from protocol.guests import GuestCard, GuestRole

from .calls import Step

STALE_SECONDS = 10.0
"""A rejoin that names an older generation than ours crossed the newer one on the way; after this long its page never
got the newer one (its mailbox was lost): the generation rises once more."""

AWAY_SECONDS = 300.0
"""A long tunnel, or a telephone call for which the telephone holds the page still. Who closed the page without a word
is waited for no longer: the screens say so, and another one may be invited."""


@dataclass(frozen=True)
class Guest:
    """Somebody who was invited. `vehicle` and `doctor` are the generations with these hosts, from 1; 0: not entered."""

    guest_id: str
    call_id: str
    role: GuestRole
    name: str
    vehicle: int = 0
    doctor: int = 0
    left: bool = False

    @property
    def card(self) -> GuestCard:
        """As the hosts see it."""
        return GuestCard(guest_id=self.guest_id, role=self.role, name=self.name)

    @property
    def entered(self) -> bool:
        """Whether its link was used."""
        return self.vehicle > 0

    def generation(self, host: Side) -> int:
        """Of the connection with this host."""
        return self.vehicle if host is Side.vehicle else self.doctor

    def heard(self, host: Side, generation: int) -> Step:
        """Whether a message of this pair's generation still goes to the other end."""
        current = self.generation(host)
        if generation > current:
            return Step.ahead
        return Step.made if generation == current and not self.left else Step.stale

    def rejoined(self, *hosts: Side) -> Guest:
        """With the next generation of these pairs."""
        return replace(self, vehicle=self.vehicle + (Side.vehicle in hosts),
                       doctor=self.doctor + (Side.doctor in hosts))
