"""Where a camera hangs, what its bus carries, and which mode fits: a drawn sysfs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.peripherals.drivers.usb_bus import Budget, Bus, Identity, bus_of, find, for_still, for_view, identity, rate
from gateway.peripherals.drivers.v4l2 import Mode

SMALL, VIEW, FULL = Mode("MJPG", 640, 480, 30), Mode("MJPG", 1280, 720, 30), Mode("MJPG", 4000, 3000, 10)
RAW = Mode("YUYV", 1280, 720, 10)


def plugged(root: Path, number: int, port: str, megabits: int, serial: str = "", index: int = 0) -> None:
    hub = root / f"sys/devices/pci0000:00/0000:00:14.0/usb{port[0]}"
    interface = hub / port / f"{port}:1.0"
    interface.mkdir(parents=True, exist_ok=True)
    (hub / "speed").write_text(f"{megabits}\n")
    for name, value in (("idVendor", "0C45"), ("idProduct", "6366"), ("serial", serial)):
        (hub / port / name).write_text(f"{value}\n")
    node = root / f"sys/class/video4linux/video{number}"
    node.mkdir(parents=True)
    (node / "index").write_text(f"{index}\n")
    (node / "device").symlink_to(interface)


def test_a_camera_is_found_by_identity_and_never_by_its_metadata_node(tmp_path: Path) -> None:
    """`usb:VID:PID:SERIAL`, whatever numbers the kernel gave; capital letters or not."""
    plugged(tmp_path, 0, "1-1", 480, "A", index=1)
    plugged(tmp_path, 1, "1-1", 480, "A")
    plugged(tmp_path, 4, "1-2", 480, "B")
    places = {"sys": tmp_path / "sys", "dev": Path("/dev")}
    assert find("usb:0c45:6366:A", **places) == Path("/dev/video1")
    assert find("usb:0C45:6366:B", **places) == Path("/dev/video4")
    assert find("usb:0c45:6366", **places) == Path("/dev/video1")
    assert find("usb:0c45:6366:C", **places) is None
    assert find(f"v4l2:{tmp_path}/none") is None
    with pytest.raises(ValueError, match="neither"):
        find("camera 0", **places)


def test_a_camera_says_who_made_it(tmp_path: Path) -> None:
    """Maker, model, serial and release from its USB descriptors, without what is not printable; else nothing."""
    plugged(tmp_path, 0, "1-1", 480, "SN 42")
    usb = tmp_path / "sys/devices/pci0000:00/0000:00:14.0/usb1/1-1"
    (usb / "manufacturer").write_bytes(b"Optics\x07 GmbH\xff\n")
    (usb / "product").write_text("Skin 8M\n")
    (usb / "bcdDevice").write_text("0127\n")
    places = {"sys": tmp_path / "sys", "dev": Path("/dev")}
    assert identity("usb:0c45:6366", **places) == Identity("Optics GmbH\ufffd", "Skin 8M", "SN 42", "1.27")
    assert identity("usb:0c45:1111", **places) == Identity()
    assert identity("http://127.0.0.1/skin.mjpeg", **places) == Identity()


@pytest.mark.parametrize(("megabits", "carried"), [(480, 48e6), (5000, 400e6), (12, 1.2e6)])
def test_a_bus_carries_its_periodic_share(tmp_path: Path, megabits: int, carried: float) -> None:
    """USB 2: 6000 bytes of each of 8000 microframes a second; a camera behind a hub is on the same bus."""
    plugged(tmp_path, 0, "2-1.3", megabits)
    bus = bus_of(Path("/dev/video0"), tmp_path / "sys")
    assert bus is not None
    assert bus.name == "usb2"
    assert bus.bytes_a_second == pytest.approx(carried)


def test_what_is_not_on_usb_has_no_bus(tmp_path: Path) -> None:
    """A capture card, a file."""
    assert bus_of(Path("/dev/video0"), tmp_path / "sys") is None


def test_a_budget_refuses_what_does_not_fit_and_remembers_nothing_of_it() -> None:
    """Three 720p MJPG views fit USB 2 (8.3 MB/s each), two full sensors (36 MB/s) do not."""
    bus, budget = Bus("usb1", 48e6), Budget()
    assert budget.reserve(bus, "skin", FULL)
    assert not budget.reserve(bus, "ear", FULL)
    assert budget.reserve(bus, "ear", VIEW)
    assert budget.taken(bus) == pytest.approx(rate(FULL) + rate(VIEW))
    assert budget.reserve(bus, "skin", VIEW), "what a camera had is replaced"
    budget.release("skin")
    budget.release("skin")
    assert budget.taken(bus) == pytest.approx(rate(VIEW))
    assert budget.reserve(Bus("usb2", 48e6), "mouth", FULL), "another bus is another budget"


def test_rates_of_raw_pictures_are_exact() -> None:
    """YUYV has two bytes a pixel."""
    assert rate(RAW) == 1280 * 720 * 2 * 10


def test_modes_for_looking_are_compressed_and_small_and_for_stills_the_largest() -> None:
    """Narrower modes follow for a fuller bus; nothing below 1024 x 768 makes a still."""
    offered = [RAW, FULL, SMALL, VIEW, Mode("H264", 1920, 1080, 30)]
    assert for_view(offered, 1280, 15) [:3] == [VIEW, SMALL, RAW]
    assert for_still(offered, 1024, 768) == [FULL]
    assert for_still([SMALL, RAW], 1024, 768) == []
    slow = Mode("YUYV", 4000, 3000, 2)
    assert for_still([slow, FULL], 1024, 768) == [FULL, slow], "its own JPEG when there is a choice"
