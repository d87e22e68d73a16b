"""Accounts of people and their sign-ins."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Moment


class Account(Base):
    """A doctor or somebody of IT. `account_id` is the `doctor_id` of a doctor."""

    __tablename__ = "account"

    account_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    sign_in_name: Mapped[str] = mapped_column(String(200), unique=True)
    password_hash: Mapped[str] = mapped_column(String(300))
    name: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(200), default="")
    speciality: Mapped[str] = mapped_column(String(200), default="")
    rpps: Mapped[str] = mapped_column(String(11), default="")
    address: Mapped[str] = mapped_column(String(200), default="")
    phone: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(200), default="")
    certificate: Mapped[str] = mapped_column(Text, default="")
    """PEM of the doctor's newest certificate; empty before the first sign-in's request."""
    disabled_at: Mapped[datetime | None] = mapped_column(Moment())


class SignedIn(Base):
    """One sign-in of an account; the cookie's token is kept as its SHA-256 only."""

    __tablename__ = "signed_in"

    session_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[str] = mapped_column(ForeignKey(Account.account_id), index=True)
    since: Mapped[datetime] = mapped_column(Moment())
    ends_at: Mapped[datetime] = mapped_column(Moment())
    ended_at: Mapped[datetime | None] = mapped_column(Moment())
