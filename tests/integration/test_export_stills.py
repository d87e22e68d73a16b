"""`passerelle-gateway export-stills` on a real store: the command, its files, its refusals."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import timedelta
from pathlib import Path

import cv2
import pydicom
import pytest
from msgspec.structs import replace

from gateway.__main__ import main
from gateway.exits import ExitCode
from gateway.session.states import State
from gateway.store import Store
from protocol.readings import Still
from sim.skin import Look, draw
from tests.unit.store_makers import START, record, still

ENCOUNTER = uuid.UUID(int=9).hex


@pytest.fixture
async def memory(tmp_path: Path) -> Path:
    """A vehicle's memory: one closed encounter with two stills kept and one dropped."""
    ok, jpeg = cv2.imencode(".jpg", draw(Look(), 0), [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert ok
    directory = tmp_path / "memory"
    async with Store(directory) as store:
        made = record(ENCOUNTER)
        await store.encounters.open(made)
        for n in (1, 2, 3):
            data = jpeg.tobytes() + bytes([n])
            await store.stills.put(ENCOUNTER, "skin", one(n, data), data)
        await store.stills.keep(one(1, b"").still_id, ENCOUNTER, START)
        await store.stills.drop(one(2, b"").still_id)
        await store.stills.keep(one(3, b"").still_id, ENCOUNTER, START + timedelta(minutes=1))
        await store.encounters.close(replace(made, stage=State.closed.value, closed_at=START + timedelta(hours=1)), [])
    return directory


def one(n: int, data: bytes) -> Still:
    return replace(still(n, data or b"-"), still_id=uuid.UUID(int=n).hex, width=1280, height=960,
                   sha256=hashlib.sha256(data).hexdigest())


def export(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["export-stills", *arguments])
    return int(str(ended.value.code))


def test_the_kept_stills_become_files(memory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The dropped one stays away; each file is private, numbered, and has the patient's name."""
    assert export("--data", str(memory), "--encounter", ENCOUNTER, "--out", str(tmp_path / "out")) == ExitCode.ok
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["still"] for line in lines] == [uuid.UUID(int=1).hex, uuid.UUID(int=3).hex]
    for number, line in enumerate(lines, 1):
        path = Path(line["file"])
        assert path.stat().st_mode & 0o777 == 0o600
        data = pydicom.dcmread(path)
        assert (str(data.PatientName), data.InstanceNumber, data.Rows) == ("Essai^Jeanne", number, 960)
    assert export("--data", str(memory), "--encounter", "last", "--out", str(tmp_path / "out")) == ExitCode.ok


def test_what_is_known_of_a_camera_comes_from_a_file(memory: Path, tmp_path: Path) -> None:
    """A dermoscope's table makes dermoscopic photographs."""
    optics = tmp_path / "optics.toml"
    optics.write_text('[skin]\ndermoscope = true\nmaker = "M"\nmodel = "D"\nserial = "1"\nsoftware = "2"\n'
                      'polarized = true\nmagnification = 10\n')
    out = tmp_path / "out"
    assert export("--data", str(memory), "--encounter", "last", "--out", str(out), "--optics", str(optics)) == 0
    assert {pydicom.dcmread(path).Modality for path in out.glob("*.dcm")} == {"DMS"}


@pytest.mark.parametrize("text", ["[skin]\ncolour = 3\n", "skin = 3\n", "[skin]\npolarized = 1\n", "[skin\n",
                                  "[skin]\nmagnification = true\n", "[skin]\ndermoscope = true\n"])
def test_a_mistake_in_that_file_is_named(memory: Path, tmp_path: Path, text: str,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 65 and one sentence, nothing written."""
    optics = tmp_path / "optics.toml"
    optics.write_text(text)
    out = tmp_path / "out"
    assert export("--data", str(memory), "--encounter", "last", "--out", str(out),
                  "--optics", str(optics)) == ExitCode.configuration
    assert "optics.toml" in capsys.readouterr().err
    assert not out.exists()


async def test_a_memory_in_use_an_unknown_encounter_and_an_empty_folder_are_refused(
        memory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its exit code; a folder without a memory does not become one."""
    out = str(tmp_path / "out")
    assert export_in_thread(memory, ENCOUNTER[:-1] + "0", out) == ExitCode.usage
    assert export_in_thread(tmp_path / "empty", "last", out) == ExitCode.cannot_create
    assert not (tmp_path / "empty").exists()
    async with Store(memory):
        assert export_in_thread(memory, "last", out) == ExitCode.unavailable
    assert "store.in_use" in capsys.readouterr().err


def export_in_thread(memory: Path, encounter: str, out: str) -> int:
    """The command makes its own event loop."""
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(export, "--data", str(memory), "--encounter", encounter, "--out", out).result()
