"""I9: once it serves, the relay never blocks its loop."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from blockbuster import BlockingError, blockbuster_ctx

from protocol.signalling import CallLeft, Dismissed, VehicleHealth
from tests.integration.relay_rig import in_call, make_site


async def test_a_whole_journey_blocks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign-in, a call, pages, the fleet's table and a revocation, with every blocking call forbidden."""
    site = make_site(tmp_path)
    async with site.relay() as rig:
        device = await rig.vehicle()
        # The test's own client reads its key from a file: that is not the relay's loop.
        tls = device.tls()
        monkeypatch.setattr(type(device), "tls", lambda *_: tls)
        with blockbuster_ctx():
            with pytest.raises(BlockingError):
                time.sleep(0)  # noqa: ASYNC251
            async with rig.bus(device) as bus, rig.doctor() as doctor:
                await bus.say(VehicleHealth(release="1"))
                assigned, _ = await in_call(bus, doctor)
                await doctor.say(CallLeft(call_id=assigned.call_id, finished=False))
                await bus.expect(CallLeft)
                async with rig.http.get(f"{rig.url}/") as response:
                    assert response.status in (200, 503)
                support = await rig.sign_in("ines")
                async with support, support.get(f"{rig.url}/api/fleet/vehicles") as response:
                    assert response.status == 200
                await rig.relay.fleet.revoke(device.vehicle_id, by="it:ines")
                while not isinstance(await bus.next(), Dismissed):
                    pass
