"""How an older Omron cuff gives its memory: packets in pieces over four characteristics, after a key was shown. Pure.

userx14/omblepy@708c13e omblepy.py and deviceSpecific/: length, kind, address, size, data, 0, and an octet that makes
the exclusive or of all of them 0; sixteen octets a piece, one piece a characteristic. The memory is never written to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..errors import DecodeError
from .omron_eeprom import slot_of

UNLOCK: Final = "b305b680-aee7-11e1-a730-0002a5d5c51b"
FROM_CUFF: Final = ("49123040-aee8-11e1-a74d-0002a5d5c51b", "4d0bf320-aee8-11e1-a0d9-0002a5d5c51b",
                    "5128ce60-aee8-11e1-b84b-0002a5d5c51b", "560f1420-aee8-11e1-8184-0002a5d5c51b")
TO_CUFF: Final = ("db5b55e0-aee7-11e1-965e-0002a5d5c51b", "e0b8a060-aee7-11e1-92f4-0002a5d5c51b",
                  "0ae12b00-aee8-11e1-a192-0002a5d5c51b", "10e1ba60-aee8-11e1-89e5-0002a5d5c51b")

PIECE: Final = 16
KEY: Final = 16
HEAD: Final = 8
"""Octets of a packet without data."""

PROGRAM, NEW_KEY, OPEN = 0x02, 0x00, 0x01
"""What is written to `UNLOCK`, before sixteen octets of key."""

START, READ, END = 0x0000, 0x0100, 0x0F00
STARTED, DATA, ENDED = 0x8000, 0x8100, 0x8F00


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole packet from the cuff."""

    kind: int
    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Memory:
    """Where a model keeps its records: for each user the address of the first slot; `slots` each, of `size` octets,
    read in blocks of at most `block`."""

    users: tuple[int, ...]
    slots: int
    size: int
    block: int

    def blocks(self, user: int) -> Iterator[tuple[int, int]]:
        """Address and size of each block of a user's slots, whole slots only."""
        step = self.block // self.size * self.size
        first, end = self.users[user], self.users[user] + self.slots * self.size
        for address in range(first, end, step):
            yield address, min(step, end - address)


_TWO = ((0x02AC, 0x0824), 100, 0x38)
_LITTLE = ((0x0098, 0x06D8), 100, 0x10)
_MEMORIES: Final = {
    "7322": _TWO, "7600": ((0x02AC,), 100, 0x38), "6232": ((0x02E8, 0x0860), 100, 0x38), "7530": ((0x02E8,), 90, 0x10),
    "7342": _LITTLE, "7361": _LITTLE, "7155": ((0x0098, 0x0458), 60, 0x10), "7150": ((0x0098,), 60, 0x10)}


def memory_of(model: str) -> Memory:
    """The memory of a model such as `HEM-7322T-E`. DecodeError `omron.model_unknown`."""
    name = model.upper().replace("HEM-", "").replace("HEM", "").strip()[:4]
    if name not in _MEMORIES:
        raise DecodeError("omron.model_unknown", f"{model or 'no model'}; memories known: {' '.join(_MEMORIES)}")
    users, slots, block = _MEMORIES[name]
    return Memory(users, slots, slot_of(model).size, block)


def start() -> bytes:
    """Begin a transmission."""
    return _packet(START, 0, 0x10)


def read(address: int, size: int) -> bytes:
    """Ask for a block."""
    return _packet(READ, address, size)


def end() -> bytes:
    """End the transmission."""
    return _packet(END, 0, 0)


def pieces(packet: bytes) -> list[bytes]:
    """What is written to `TO_CUFF`, in order."""
    return [packet[at:at + PIECE] for at in range(0, len(packet), PIECE)]


class Assembler:
    """Pieces in, answers out."""

    def __init__(self) -> None:
        self._pieces: dict[int, bytes] = {}

    def feed(self, channel: int, piece: bytes) -> Answer | None:
        """A notification of `FROM_CUFF[channel]`; the answer when it is whole. DecodeError `omron.short`,
        `frame.checksum`."""
        self._pieces[channel] = piece
        first = self._pieces.get(0)
        if not first:
            return None
        count = (first[0] + PIECE - 1) // PIECE
        if any(n not in self._pieces for n in range(count)):
            return None
        packet = b"".join(self._pieces[n] for n in range(count))[:first[0]]
        self._pieces = {}
        return _answer(packet)


def _packet(kind: int, address: int, size: int) -> bytes:
    head = bytes([HEAD]) + kind.to_bytes(2, "big") + address.to_bytes(2, "big") + bytes([size, 0])
    return head + bytes([_sum(head)])


def _answer(packet: bytes) -> Answer:
    if len(packet) < HEAD or len(packet) != packet[0]:
        raise DecodeError("omron.short", f"{len(packet)} octets")
    if _sum(packet):
        raise DecodeError("frame.checksum", packet[:6].hex())
    kind, address, size = int.from_bytes(packet[1:3], "big"), int.from_bytes(packet[3:5], "big"), packet[5]
    if kind == DATA and size > len(packet) - HEAD:
        raise DecodeError("omron.short", f"{len(packet) - HEAD} of {size} octets")
    return Answer(kind, address, packet[6:6 + size] if kind == DATA else packet[6:-2])


def _sum(data: bytes) -> int:
    total = 0
    for octet in data:
        total ^= octet
    return total
