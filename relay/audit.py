"""The audit: an append-only RFC 9162 tree of who did what, never of what was in it.

`record` adds a line in the transaction of the act itself. `Witness` signs tree heads; `verify`
finds a line that was changed, removed, moved or cut off since a head was signed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from relay.keys import SigningKey
from relay.keys import verify as verify_signature
from relay.merkle import Frontier, leaf_hash
from relay.storage.audit import AuditHead, AuditRow
from relay.storage.base import Storage

HEAD_SECONDS = 60
"""A head a minute: what a thief with the database could rewrite unseen is one minute old."""

_LOCK = 0x50415353
"""PostgreSQL advisory lock of the tree: two writers must not take the same position."""


async def record(session: AsyncSession, *, what: str, who: str, about: str = "",
                 facts: Mapping[str, str | int] | None = None, at: datetime | None = None) -> int:
    """Add one line: `what` is a code, `who` an account or `vehicle:<id>`, `about` an identifier.

    Facts are identifiers, codes and counts; nothing clinical, no name of a patient, no secret.
    It stands when the transaction of `session` is committed. Answers the position.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    last = (await session.execute(select(func.max(AuditRow.position)))).scalar()
    position = 0 if last is None else last + 1
    entry = canonical({"at": (at or datetime.now(UTC)).isoformat(), "what": what, "who": who,
                       "about": about, "facts": dict(facts or {}), "position": position})
    session.add(AuditRow(position=position, entry=entry, leaf=leaf_hash(entry)))
    await session.flush()
    return position


def canonical(value: Mapping[str, object]) -> bytes:
    """JSON with sorted names and without spaces, UTF-8 (the subset of RFC 8785 that strings and integers need)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class Head:
    """A signed tree head, as it is kept and as it is given away to witnesses."""

    size: int
    root: bytes
    at: datetime
    key_id: str
    signature: bytes

    def signed_bytes(self) -> bytes:
        """The bytes under the signature; the first line is their domain."""
        return head_statement(self.size, self.root, self.at)


def head_statement(size: int, root: bytes, at: datetime) -> bytes:
    """One field a line, LF, ASCII."""
    return f"passerelle audit head v1\n{size}\n{root.hex()}\n{at.astimezone(UTC).isoformat()}\n".encode("ascii")


class Witness:
    """Signs a head of what was added since the last one."""

    def __init__(self, storage: Storage, key: SigningKey) -> None:
        self._storage = storage
        self._key = key
        self._frontier = Frontier()

    async def sign(self) -> Head | None:
        """Sign the tree as it stands and keep the head; None when nothing was added."""
        async with self._storage.session() as session:
            newest = (await session.execute(select(func.max(AuditHead.size)))).scalar()
            added = select(AuditRow.leaf).where(AuditRow.position >= self._frontier.size)
            for leaf in (await session.execute(added.order_by(AuditRow.position))).scalars():
                self._frontier.append(leaf)
            size = self._frontier.size
            if size == 0 or (newest is not None and newest >= size):
                return None
            at, root = datetime.now(UTC), self._frontier.root()
            head = Head(size, root, at, self._key.key_id, self._key.sign(head_statement(size, root, at)))
            session.add(AuditHead(size=size, root=root, at=at, key_id=head.key_id, signature=head.signature))
        return head

    async def run(self) -> None:
        """Sign each `HEAD_SECONDS`, for ever."""
        while True:
            await asyncio.sleep(HEAD_SECONDS)
            await self.sign()


@dataclass(frozen=True)
class Finding:
    """What is wrong with the tree, and at which position."""

    code: str
    position: int


async def verify(storage: Storage, keys: Mapping[str, ec.EllipticCurvePublicKey],
                 witnessed: Sequence[Head] = ()) -> list[Finding]:
    """Compare every line with every head; an empty list means that all of it holds.

    `witnessed` are heads that were kept elsewhere: with them a tree is found cut even when the
    heads in the database were cut too.
    """
    async with storage.reading() as session:
        rows = list((await session.execute(select(AuditRow).order_by(AuditRow.position))).scalars())
        kept = list((await session.execute(select(AuditHead).order_by(AuditHead.size))).scalars())
    heads = [Head(head.size, head.root, head.at, head.key_id, head.signature) for head in kept]
    findings = _check_rows(rows)
    wanted: dict[int, list[Head]] = {}
    for head in (*heads, *witnessed):
        if not _signed(head, keys):
            findings.append(Finding("audit.head_forged", head.size))
            continue
        wanted.setdefault(head.size, []).append(head)
    frontier = Frontier()
    for row in rows:
        # The tree is made of what is in the lines now, not of the hashes stored beside them.
        frontier.append(leaf_hash(row.entry))
        if any(head.root != frontier.root() for head in wanted.get(frontier.size, ())):
            findings.append(Finding("audit.head_differs", frontier.size))
    findings += [Finding("audit.truncated", size) for size in wanted if size > len(rows)]
    return sorted(set(findings), key=lambda finding: (finding.position, finding.code))


def _check_rows(rows: Sequence[AuditRow]) -> list[Finding]:
    findings = []
    for expected, row in enumerate(rows):
        if row.position != expected:
            findings.append(Finding("audit.missing", expected))
            break
        if leaf_hash(row.entry) != row.leaf:
            findings.append(Finding("audit.altered", row.position))
        if _position(row.entry) != row.position:
            findings.append(Finding("audit.moved", row.position))
    return findings


def _position(entry: bytes) -> object:
    try:
        line = json.loads(entry)
    except ValueError:
        return None
    return line.get("position") if isinstance(line, dict) else None


def _signed(head: Head, keys: Mapping[str, ec.EllipticCurvePublicKey]) -> bool:
    public = keys.get(head.key_id)
    if public is None:
        return False
    try:
        verify_signature(public, head.signature, head.signed_bytes())
    except InvalidSignature:
        return False
    return True
