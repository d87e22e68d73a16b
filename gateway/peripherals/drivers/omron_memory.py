"""The memory of an older Omron cuff over its own service: unlocked by the key of the pairing, read block by block.

Its clock and its counters stand in the same memory and are left alone: we only read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from ..errors import DecodeError, PeripheralError
from ..profiles import omron_link as profile
from .radio import Link, LinkFailed

ANSWER_S: Final = 2.0
"""A block of 56 octets is four notifications; omblepy waits one second and asks again."""

TRIES: Final = 3


class KeyRefused(PeripheralError):
    """The cuff does not take the key: it is not in its pairing mode, or was paired with somebody else."""


async def programme(link: Link, key: bytes) -> None:
    """Give a cuff in its pairing mode our key. KeyRefused, LinkFailed, BondNeeded."""
    conversation = _Conversation(link)
    await conversation.listen()
    await conversation.lock(profile.PROGRAM, bytes(profile.KEY))
    await conversation.lock(profile.NEW_KEY, key)
    await conversation.lock(profile.OPEN, key)
    # Until a transmission was begun and ended the cuff does not count as paired.
    await conversation.ask(profile.start(), profile.STARTED)
    await conversation.ask(profile.end(), profile.ENDED)


async def slots(link: Link, key: bytes, model: str) -> AsyncIterator[tuple[int, bytes]]:
    """User (from 1) and bytes of every slot. KeyRefused, LinkFailed, BondNeeded; DecodeError `omron.model_unknown`."""
    memory = profile.memory_of(model)
    conversation = _Conversation(link)
    await conversation.listen()
    await conversation.lock(profile.OPEN, key)
    await conversation.ask(profile.start(), profile.STARTED)
    for user in range(len(memory.users)):
        for address, size in memory.blocks(user):
            answer = await conversation.ask(profile.read(address, size), profile.DATA, address)
            for at in range(0, len(answer.data) - memory.size + 1, memory.size):
                yield user + 1, answer.data[at:at + memory.size]
    await conversation.ask(profile.end(), profile.ENDED)


class _Conversation:
    """One question after the other."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._assembler = profile.Assembler()

    async def listen(self) -> None:
        for characteristic in (*profile.FROM_CUFF, profile.UNLOCK):
            await self._link.subscribe(characteristic)

    async def lock(self, op: int, key: bytes) -> None:
        await self._link.write(profile.UNLOCK, bytes([op]) + key)
        try:
            async with asyncio.timeout(ANSWER_S):
                while (event := await self._next())[0] != profile.UNLOCK:
                    pass
        except TimeoutError as error:
            raise LinkFailed("radio.timeout", self._link.sighting.address) from error
        if event[1][:2] != bytes([op | 0x80, 0]):
            raise KeyRefused("radio.bond_needed", event[1][:2].hex())

    async def ask(self, request: bytes, kind: int, address: int | None = None) -> profile.Answer:
        for _ in range(TRIES):
            for characteristic, piece in zip(profile.TO_CUFF, profile.pieces(request), strict=False):
                await self._link.write(characteristic, piece, response=False)
            try:
                async with asyncio.timeout(ANSWER_S):
                    while True:
                        answer = await self._answer()
                        if answer.kind == kind and address in (None, answer.address):
                            return answer
            except (TimeoutError, DecodeError):
                self._assembler = profile.Assembler()
        raise LinkFailed("radio.timeout", self._link.sighting.address)

    async def _answer(self) -> profile.Answer:
        while True:
            characteristic, data = await self._next()
            if characteristic in profile.FROM_CUFF:
                answer = self._assembler.feed(profile.FROM_CUFF.index(str(characteristic)), data)
                if answer is not None:
                    return answer

    async def _next(self) -> tuple[int | str, bytes]:
        event = await self._link.next()
        if event is None:
            raise LinkFailed("radio.link_lost", self._link.sighting.address)
        return event


