"""Accounts of doctors and of IT in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select

from protocol.accounts import PersonKind
from protocol.prescription import Prescriber
from protocol.values import DoctorCard
from relay.config import Config, Doctor, Support
from relay.storage.base import Storage
from relay.storage.people import Account


def doctor_card(account: Account) -> DoctorCard:
    """A doctor as vehicles see them."""
    return DoctorCard(doctor_id=account.account_id, name=account.name, title=account.title,
                      speciality=account.speciality, rpps=account.rpps, certificate=account.certificate)


class Accounts:
    """Looks up and keeps accounts."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def configure(self, config: Config) -> None:
        """Make the database hold the configured accounts; whoever is not configured is disabled."""
        async with self._storage.session() as session:
            rows = {row.account_id: row for row in (await session.execute(select(Account))).scalars()}
            wanted: Sequence[Doctor | Support] = (*config.doctor, *config.it)
            for person in wanted:
                fresh = _row(person)
                old = rows.pop(fresh.account_id, None)
                if old is not None:
                    fresh.certificate = old.certificate
                await session.merge(fresh)
            for row in rows.values():
                row.disabled_at = row.disabled_at or datetime.now(UTC)
                # Its name may be given to another account.
                row.sign_in_name = f"disabled:{row.account_id}"

    async def by_name(self, sign_in_name: str) -> Account | None:
        """The enabled account with this sign-in name."""
        async with self._storage.reading() as session:
            found = select(Account).where(Account.sign_in_name == sign_in_name, Account.disabled_at.is_(None))
            return (await session.execute(found)).scalar_one_or_none()

    async def by_id(self, account_id: str) -> Account:
        """An account, disabled or not. LookupError: there is none."""
        async with self._storage.reading() as session:
            account = await session.get(Account, account_id)
        if account is None:
            raise LookupError(account_id)
        return account

    async def doctor(self, doctor_id: str) -> DoctorCard:
        """A doctor's card. LookupError: no such doctor."""
        account = await self.by_id(doctor_id)
        if account.kind != PersonKind.doctor:
            raise LookupError(doctor_id)
        return doctor_card(account)

    async def prescriber(self, doctor_id: str) -> Prescriber:
        """A doctor's mandatory mentions. LookupError: no such doctor."""
        account = await self.by_id(doctor_id)
        if account.kind != PersonKind.doctor:
            raise LookupError(doctor_id)
        return Prescriber(name=account.name, title=account.title, speciality=account.speciality, rpps=account.rpps,
                          address=account.address, phone=account.phone, email=account.email)

    async def keep_certificate(self, doctor_id: str, certificate: str) -> None:
        """Keep a doctor's newest certificate (PEM). LookupError: no such doctor."""
        async with self._storage.session() as session:
            account = await session.get(Account, doctor_id)
            if account is None or account.kind != PersonKind.doctor:
                raise LookupError(doctor_id)
            account.certificate = certificate


def _row(person: Doctor | Support) -> Account:
    if isinstance(person, Support):
        return Account(account_id=f"it:{_safe(person.account)}", kind=PersonKind.it, sign_in_name=person.account,
                       password_hash=person.password_hash, name=person.name or person.account, title="",
                       speciality="", rpps="", address="", phone="", email="", certificate="", disabled_at=None)
    return Account(account_id=person.id, kind=PersonKind.doctor, sign_in_name=person.account,
                   password_hash=person.password_hash, name=person.name, title=person.title,
                   speciality=person.speciality, rpps=person.rpps, address=person.address, phone=person.phone,
                   email=person.email, certificate="", disabled_at=None)


def _safe(name: str) -> str:
    """An account name as part of an `Id`: what an Id may not hold is written as its code point."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else f":{ord(c):x}" for c in name)[:70]
