"""Rows of the audit's append-only tree and its signed heads."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Moment

_Counter = BigInteger().with_variant(Integer, "sqlite")


class AuditRow(Base):
    """One leaf. `entry` is the canonical JSON whose hash is in the tree."""

    __tablename__ = "audit"

    position: Mapped[int] = mapped_column(_Counter, primary_key=True, autoincrement=False)
    entry: Mapped[bytes] = mapped_column(LargeBinary)
    leaf: Mapped[bytes] = mapped_column(LargeBinary(32))


class AuditHead(Base):
    """A signed tree head: size, root and time under an ES256 signature (raw r||s)."""

    __tablename__ = "audit_head"

    size: Mapped[int] = mapped_column(_Counter, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))
    at: Mapped[datetime] = mapped_column(Moment())
    key_id: Mapped[str] = mapped_column(String(64))
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
