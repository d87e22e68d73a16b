"""Passwords: argon2 off the loop, and a limit on guesses."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from relay.rate import TokenBucket

GUESSES_AT_ONCE = 5
SECONDS_A_GUESS = 12.0
"""Five typing errors in a row, then one attempt each 12 s: 7,200 a day, against a phrase nothing."""
ADDRESS_FACTOR = 6
"""Doctors of one hospital come from one address."""
BUCKETS = 10_000
"""Names and addresses remembered; the oldest is forgotten: 2 MB, and a flood of names has no other effect."""
HASHING_AT_ONCE = 2
"""argon2 takes 64 MiB and 50 ms of a core each time: a flood waits here, not in memory."""


class GuessLimit:
    """Token buckets by account name and by address. Pure; `now` is monotonic, in seconds."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def wait(self, account: str, address: str, now: float) -> float:
        """Seconds to wait before this attempt; 0.0 takes it."""
        by_name = self._bucket(f"name {account}", 1, now)
        by_address = self._bucket(f"address {address}", ADDRESS_FACTOR, now)
        wait = max(by_name.wait(now), by_address.wait(now))
        if wait == 0.0:
            by_name.take(now)
            by_address.take(now)
        return wait

    def forgive(self, account: str, address: str, now: float) -> None:
        """The right password was given: the name's earlier errors no longer count, the attempt neither."""
        self._buckets.pop(f"name {account}", None)
        self._bucket(f"address {address}", ADDRESS_FACTOR, now).give(now)

    def _bucket(self, name: str, factor: int, now: float) -> TokenBucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = TokenBucket(rate=factor / SECONDS_A_GUESS, burst=factor * GUESSES_AT_ONCE, now=now)
            self._buckets[name] = bucket
            if len(self._buckets) > BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        return bucket


class Passwords:
    """Checks a password against an argon2 hash, a few at a time and in another thread."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._room = asyncio.Semaphore(HASHING_AT_ONCE)

    async def fits(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits; None stands for an unknown account and never does."""
        async with self._room:
            return await asyncio.to_thread(self._check, password_hash, password)

    def _check(self, password_hash: str | None, password: str) -> bool:
        if password_hash is None:
            # An unknown name costs as much time as a wrong password, so that names cannot be listed.
            self._hasher.hash(password)
            return False
        try:
            self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
        return True
