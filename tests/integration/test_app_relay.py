"""The real gateway process with the real relay process: enrolled by code, on line, back after a restart, revoked."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from protocol.kiosk import RelayLink as LinkState
from relay.fleet.ca import IssuingAuthority
from sim.demo.processes import DemoFailed, run_once
from sim.demo.world import Ports, World
from tests.integration.test_app_process import Page, browser, configuration, gateway, page_of
from tests.integration.test_link_socket import Vehicle, driving, make_identity

REVOKED_SECONDS = 5.0
"""The bar of the operations page: revoke -> closed."""
BACK_SECONDS = 10.0
"""The kill table's bar: the call goes on that long after the missing piece's return."""


def free_ports() -> Ports:
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return Ports(browser=ports[0], vehicle=ports[1], kiosks=())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "world", free_ports())
    await made.start(vehicles=())
    try:
        yield made
    finally:
        await made.stop()


async def enrol(world: World, home: Path) -> str:
    """A vehicle enrolled as a technician does it; its identifier."""
    code = await world.enrolment_code("Bus", "Ariège")
    log = home / "enrol.log"
    arguments = ("-m", "gateway", "enrol", code, "--relay", world.relay_url, "--directory",
                 str(home / "data" / "identity"))
    await run_once(*arguments, log=log)
    with pytest.raises(DemoFailed, match=r"enrol\.already"):
        await run_once(*arguments, log=log)
    with pytest.raises(DemoFailed, match=r"enrol\.code_used"):
        await run_once(*arguments[:-1], str(home / "other"), log=log)
    vehicle: dict[str, str] = json.loads((home / "data" / "identity" / "vehicle.json").read_text())
    return vehicle["vehicle_id"]


async def the_authority_is_shown(world: World, home: Path) -> None:
    """What an https enrolment judges by its pin is the CA that issued the certificate."""
    async with browser() as http, http.get(world.relay_url + "/api/ca") as answer:
        shown = await answer.text()
    assert shown == (home / "data" / "identity" / "ca.pem").read_text()


async def link_is(page: Page, wanted: LinkState) -> None:
    while page.state is None or page.state.link.relay is not wanted:
        await page.hear()


async def row_of(world: World, vehicle_id: str) -> dict[str, object]:
    rows = json.loads(await world.fleet("list", "--json"))
    return next(row for row in rows if row["vehicle_id"] == vehicle_id)


async def test_a_vehicle_from_its_code_to_its_revocation(world: World, tmp_path: Path) -> None:
    """Enrolled by a code that works once, on line, back by itself after the relay's restart, out when revoked."""
    vehicle_id = await enrol(world, tmp_path)
    await the_authority_is_shown(world, tmp_path)
    async with gateway(configuration(tmp_path)) as running, browser() as http, page_of(http, running) as page:
        await link_is(page, LinkState.online)
        row = await row_of(world, vehicle_id)
        assert row["online"] is True
        assert row["certificate_days"] == 89

        await world.relay.kill()
        while page.state is None or page.state.link.relay is LinkState.online:
            await page.hear()
        starting = time.monotonic()
        await world.relay.start()
        back = time.monotonic()
        # What the relay's own start took says how much of the machine is left for the rest.
        slow = back - starting
        await link_is(page, LinkState.online)
        assert time.monotonic() - back < BACK_SECONDS + slow

        await world.fleet("revoke", vehicle_id, "--yes")
        asked = time.monotonic()
        while not await says(page, "vehicle.revoked"):
            await page.hear()
        assert time.monotonic() - asked < REVOKED_SECONDS + slow
        assert page.state is not None
        assert page.state.link.relay is not LinkState.online
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log


async def says(page: Page, code: str) -> bool:
    return page.state is not None and code in {problem.code for problem in page.state.problems}


async def test_another_authoritys_vehicle_stays_outside(world: World, tmp_path: Path) -> None:
    """A certificate of a CA the relay does not know, and a good one it never issued, are refused by their codes."""
    folder = tmp_path / "world" / "ca"
    ours = IssuingAuthority.load(folder / "ca.pem", folder / "ca.key")
    other = IssuingAuthority.create("Other", datetime.now(UTC))
    for name, issuer, code in (("a", other, "certificate.refused"), ("b", ours, "vehicle.unknown")):
        vehicle = Vehicle(world.vehicle_url, make_identity(tmp_path / name, ours, issuer=issuer))
        async with driving(vehicle):
            # On a slow machine the first look for the reason may be too short; the next try looks again.
            await vehicle.until(lambda vehicle=vehicle, code=code: vehicle.link.view.code == code)  # type: ignore[misc]
            assert vehicle.link.view.state is LinkState.offline
