"""`passerelle-sim`: the simulated vehicle's hardware, and the person on its chair."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

USAGE, UNAVAILABLE = 64, 69
ANSWER_S: Final = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 ok, 64 usage, 69 the simulation does not run."""
    options = _parser().parse_args(arguments)
    if options.part == "vehicle":
        return _vehicle(options)
    return _patient(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="passerelle-sim", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    vehicle = parts.add_parser("vehicle", help="run the hardware of one vehicle until Ctrl-C")
    vehicle.add_argument("--dir", type=Path, required=True, help="where sim.json and the ECG's device link go")
    vehicle.add_argument("--ecg-record", type=Path, help="play this WFDB record (path without extension)")
    vehicle.add_argument("--ecg-rate", type=float, help="samples a second (default: the record's own, or 128)")
    vehicle.add_argument("--instruments", default="",
                         help="Bluetooth instruments beside the cuff: names with commas between, or all")
    vehicle.add_argument("--no-camera", action="store_true", help="without the room camera")
    patient = parts.add_parser("patient", help="tell the patient something")
    what = patient.add_subparsers(dest="what", required=True)
    measure = what.add_parser("measure", help="take the pressure now")
    measure.add_argument("--dir", type=Path, required=True, help="directory of the running vehicle")
    for name in ("systolic", "diastolic", "pulse"):
        measure.add_argument(f"--{name}", type=int, help="instead of the patient's own")
    measure.add_argument("--seconds", type=float, help="how long the cuff takes")
    return parser


def _vehicle(options: argparse.Namespace) -> int:
    from .ble.cabinet import check
    from .vehicle import VehicleOptions, run

    record: Path | None = options.ecg_record
    if record is not None:
        record = record.with_suffix("") if record.suffix in (".hea", ".dat") else record
        if not record.with_suffix(".hea").exists():
            print(f"passerelle-sim: there is no WFDB header {record.with_suffix('.hea')}", file=sys.stderr)
            return USAGE
    if options.ecg_rate is not None and not 1 <= options.ecg_rate <= 4000:
        print("passerelle-sim: --ecg-rate is between 1 and 4000", file=sys.stderr)
        return USAGE
    names = tuple(name for name in options.instruments.split(",") if name)
    try:
        check(names)
    except ValueError as error:
        print(f"passerelle-sim: {error}", file=sys.stderr)
        return USAGE
    asyncio.run(run(VehicleOptions(options.dir, record, options.ecg_rate, not options.no_camera, names)))
    return 0


def _patient(options: argparse.Namespace) -> int:
    wanted = {name: getattr(options, name) for name in ("systolic", "diastolic", "pulse", "seconds")
              if getattr(options, name) is not None}
    try:
        base = json.loads((options.dir / "sim.json").read_text())["control"]
        answer = asyncio.run(_post(f"{base}/cuff/measure", wanted))
    except (OSError, ValueError, KeyError):
        print(f"passerelle-sim: no simulated vehicle runs in {options.dir}", file=sys.stderr)
        return UNAVAILABLE
    print(json.dumps(answer))
    return UNAVAILABLE if "error" in answer else 0


async def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    import aiohttp

    async with (aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session,
                session.post(url, json=body) as response):
        answer: dict[str, Any] = await response.json()
        return answer


if __name__ == "__main__":
    sys.exit(main())
