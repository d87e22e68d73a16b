"""The same relay over PostgreSQL: the tables, the race for a call, the audit. Skipped where none is installed."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from protocol.guests import GuestInvitation, GuestRole, GuestWanted
from protocol.signalling import CallAssigned, CallGranted, Queue, Refusal, TakeCall
from relay.audit import record, verify
from relay.config import Database
from relay.keys import load_or_make
from relay.signalling.refusals import MessageRefused
from relay.storage.calls import CallRow
from relay.storage.models import Base
from tests.integration.relay_rig import Client, Site, make_site, waiting

BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)

pytestmark = pytest.mark.skipif(BIN is None or importlib.util.find_spec("asyncpg") is None,
                                reason="needs PostgreSQL and asyncpg")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A cluster of its own on a free port of loopback."""
    assert BIN is not None
    folder = Path(tempfile.mkdtemp())
    as_owner = []
    if os.getuid() == 0:
        # PostgreSQL does not run as root.
        shutil.chown(folder, "postgres")
        as_owner = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([*as_owner, BIN / "initdb", "-D", folder / "d", "-A", "trust", "-U", "passerelle"], **run)  # type: ignore[call-overload]
    control = [*as_owner, BIN / "pg_ctl", "-D", folder / "d", "-w"]
    options = f"-p {port} -h 127.0.0.1 -c unix_socket_directories={folder}"
    subprocess.run([*control, "-o", options, "-l", folder / "log", "start"], **run)  # type: ignore[call-overload]
    try:
        yield f"postgresql://passerelle@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **run)  # type: ignore[call-overload]
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def site(tmp_path: Path, url: str) -> Site:
    made = make_site(tmp_path)
    made.config = msgspec.structs.replace(made.config, database=Database(url=url))
    return made


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata))


async def test_the_tables_are_those_of_the_models(site: Site) -> None:
    """One set of migrations serves both databases."""
    async with site.relay() as rig, rig.relay.context.storage.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
        assert (await connection.execute(text("SHOW synchronous_commit"))).scalar() == "on"


async def test_one_doctor_wins(site: Site) -> None:
    """The unique index decides a race for a call here too."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor("anne") as anne, rig.doctor("paul") as paul:
            await bus.say(waiting("pg1"))
            for doctor in (anne, paul):
                await doctor.expect(Queue, lambda q: bool(q.entries))
            await asyncio.gather(anne.say(TakeCall(encounter_id="pg1")), paul.say(TakeCall(encounter_id="pg1")))

            async def outcome(doctor: Client) -> type:
                while not isinstance(body := await doctor.next(), CallGranted | Refusal):
                    assert body is not None
                return type(body)

            assert {await outcome(anne), await outcome(paul)} == {CallGranted, Refusal}
            await bus.expect(CallAssigned)


async def test_concurrent_acts_take_one_place_each_in_the_audit(site: Site) -> None:
    """Twenty transactions at once append twenty lines without a hole."""
    async with site.relay() as rig:
        storage = rig.relay.context.storage

        async def act() -> int:
            async with storage.session() as session:
                return await record(session, what="test.done", who="d-anne")

        places = await asyncio.gather(*(act() for _ in range(20)))
        assert sorted(places) == list(range(min(places), min(places) + 20))
        key = load_or_make(site.config.data_folder / "audit.key")
        assert [f.code for f in await verify(storage, {key.key_id: key.public})
                if f.code != "audit.head_forged"] == []


async def test_a_guests_link_opens_once_and_there_are_never_four(site: Site) -> None:
    """Rows are locked: of two pages at once with one link one enters, of eight invitations at once three stand."""
    async with site.relay() as rig:
        guests, storage = rig.relay.switchboard.guests, rig.relay.context.storage
        async with storage.session() as session:
            session.add(CallRow(call_id="pg2", encounter_id="pg2", vehicle_id="v2", doctor_id="d2", generation=1,
                                opened_at=datetime.now(UTC)))
        wanted = GuestWanted(role=GuestRole.relative, name="Mme N.")
        invited = await asyncio.gather(*(guests.invite("d2", "pg2", wanted) for _ in range(8)), return_exceptions=True)
        links = [link for link in invited if isinstance(link, GuestInvitation)]
        assert len(links) == 3
        assert {type(other) for other in invited} == {GuestInvitation, MessageRefused}
        pages = await asyncio.gather(*(guests.enter(links[0].token, secrets.token_urlsafe(32)) for _ in range(5)),
                                     return_exceptions=True)
        assert sum(not isinstance(page, BaseException) for page in pages) == 1
        assert {page.code for page in pages if isinstance(page, MessageRefused)} == {"guest.link_used"}
