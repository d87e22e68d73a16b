"""Third persons of calls: invited by a one-time link, there until the call ends."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Moment
from .calls import CallRow


class GuestRow(Base):
    """One invitation. Of the link's token and of the page's resume token only the SHA-256 is kept, and the link's
    key was never here. The generations count the peer connections tried with each host, 0 before the first."""

    __tablename__ = "guest"

    guest_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey(CallRow.call_id), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    resume_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    role: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(80))
    invited_at: Mapped[datetime] = mapped_column(Moment())
    expires_at: Mapped[datetime] = mapped_column(Moment())
    used_at: Mapped[datetime | None] = mapped_column(Moment())
    left_at: Mapped[datetime | None] = mapped_column(Moment())
    vehicle_generation: Mapped[int] = mapped_column(default=0)
    doctor_generation: Mapped[int] = mapped_column(default=0)
