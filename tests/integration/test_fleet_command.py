"""`passerelle-fleet` against a real relay, as IT support uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from fleet.__main__ import main
from protocol.accounts import VehicleCreated, VehicleRow
from tests.integration.relay_rig import PASSWORD, make_site


@dataclass
class Desk:
    """IT's own machine: a state folder and a password file."""

    relay: str
    folder: Path
    capsys: pytest.CaptureFixture[str]

    async def run(self, *arguments: str, language: str = "fr_FR.UTF-8") -> tuple[int, str, str]:
        environment = {"XDG_STATE_HOME": str(self.folder), "LANG": language}
        code = await asyncio.to_thread(main, ["--relay", self.relay, *arguments], environment)
        said = self.capsys.readouterr()
        return code, said.out, said.err

    async def sign_in(self, account: str = "ines", password: str = PASSWORD) -> tuple[int, str, str]:
        file = self.folder / "password"
        file.write_text(password + "\n")
        return await self.run("sign-in", "--account", account, "--password-file", str(file))


@pytest.fixture
async def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Desk]:
    (tmp_path / "relay").mkdir()
    (tmp_path / "it").mkdir()
    async with make_site(tmp_path / "relay").relay() as running:
        yield Desk(f"http://127.0.0.1:{running.relay.browser_port}", tmp_path / "it", capsys)


async def test_a_vehicle_from_its_code_to_its_revocation(desk: Desk) -> None:
    """Sign in, add, list, new code, revoke, sign out: what support does in a vehicle's life."""
    assert (await desk.sign_in())[0] == 0
    code, out, _ = await desk.run("vehicle", "add", "Médicobus du Morvan", "--territory", "Château-Chinon")
    assert code == 0
    (shown,) = [word for word in out.split() if "." in word and len(word) > 40]
    assert len(shown) == 57
    _, listed, _ = await desk.run("list", "--json")
    (row,) = msgspec.json.decode(listed, type=tuple[VehicleRow, ...])
    assert (row.name, row.territory, row.state) == ("Médicobus du Morvan", "Château-Chinon", "expected")
    _, out, _ = await desk.run("vehicle", "code", row.vehicle_id, "--json")
    again = msgspec.json.decode(out, type=VehicleCreated)
    assert again.code != shown
    code, out, _ = await desk.run("revoke", row.vehicle_id)
    assert (code, row.vehicle_id in out) == (0, True)
    _, listed, _ = await desk.run("list")
    assert "Médicobus du Morvan" in listed
    assert "révoqué" in listed
    _, listed, _ = await desk.run("list", language="en_GB.UTF-8")
    assert "revoked" in listed
    assert (await desk.run("sign-out"))[0] == 0
    assert (await desk.run("list"))[0] == 77


async def test_what_is_refused_says_what_to_do(desk: Desk) -> None:
    """Wrong password, a doctor's account, an unknown and a revoked vehicle: exit code and one sentence."""
    code, _, err = await desk.sign_in(password="wrong")
    assert (code, err.count("\n")) == (77, 1)
    assert "refusé" in err
    assert (await desk.sign_in("anne"))[0] == 0
    assert (await desk.run("list"))[0] == 77
    assert (await desk.sign_in())[0] == 0
    code, out, _ = await desk.run("list")
    assert (code, "vehicle add" in out) == (0, True)
    code, _, err = await desk.run("revoke", "v-none")
    assert code == 65
    assert "v-none" in err
    _, out, _ = await desk.run("vehicle", "add", "Aubrac", "--json")
    vehicle = msgspec.json.decode(out, type=VehicleCreated).vehicle_id
    await desk.run("revoke", vehicle)
    code, _, err = await desk.run("vehicle", "code", vehicle)
    assert code == 65
    assert vehicle in err
    code, _, err = await desk.run("vehicle", "add", "x" * 300)
    assert (code, err.count("\n")) == (65, 1)


async def test_a_session_that_ended_asks_to_sign_in_again(desk: Desk) -> None:
    """A kept cookie that the relay no longer knows is not a dead end."""
    await desk.sign_in()
    state = desk.folder / "passerelle" / "fleet.json"
    state.write_text(state.read_text().replace('","', '","x', 1))
    code, _, err = await desk.run("list")
    assert code == 77
    assert "sign-in" in err
