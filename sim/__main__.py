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
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.part != "instrument":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.fields = rest
    if options.part == "vehicle":
        return _vehicle(options)
    if options.part == "instrument":
        return _instrument(options)
    if options.part == "script":
        return _script(options)
    return _patient(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="passerelle-sim", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    vehicle = parts.add_parser("vehicle", help="run the hardware of one vehicle until Ctrl-C")
    vehicle.add_argument("--dir", type=Path, required=True, help="where sim.json and the ECG's device link go")
    vehicle.add_argument("--ecg-record", type=Path, help="play this WFDB record (path without extension)")
    vehicle.add_argument("--ecg-rate", type=float, help="samples a second (default: the record's own, or 128)")
    vehicle.add_argument("--instruments", default="",
                         help="what else is on board: names with commas between (a wrong one lists them), or all")
    vehicle.add_argument("--twelve-record", type=Path, help="play this WFDB record on the twelve-lead ECG")
    vehicle.add_argument("--no-camera", action="store_true", help="without the room camera")
    patient = parts.add_parser("patient", help="tell the patient something")
    what = patient.add_subparsers(dest="what", required=True)
    measure = what.add_parser("measure", help="take the pressure now")
    measure.add_argument("--dir", type=Path, required=True, help="directory of the running vehicle")
    for name in ("systolic", "diastolic", "pulse"):
        measure.add_argument(f"--{name}", type=int, help="instead of the patient's own")
    measure.add_argument("--seconds", type=float, help="how long the cuff takes")
    instrument = parts.add_parser("instrument", help="press a button of a Bluetooth instrument",
                                  epilog="fields follow as --name value, such as --systolic 151 --press true")
    instrument.add_argument("name", help="as in sim.json: cuff, thermometer …")
    instrument.add_argument("action", help="measure, press, clock, out_of_range …; a wrong one lists them all")
    instrument.add_argument("--dir", type=Path, required=True, help="directory of the running vehicle")
    script = parts.add_parser("script", help="play a lesson: timed steps on the running vehicle")
    script.add_argument("file", help="a TOML file, or first_visit, old_records, misbehaving")
    script.add_argument("--dir", type=Path, required=True, help="directory of the running vehicle")
    script.add_argument("--speed", type=float, default=1.0, help="times as fast (0.1 to 100)")
    return parser


def _vehicle(options: argparse.Namespace) -> int:
    from .equipment import Equipment
    from .vehicle import VehicleOptions, run

    records = [path.with_suffix("") if path is not None and path.suffix in (".hea", ".dat") else path
               for path in (options.ecg_record, options.twelve_record)]
    for record in records:
        if record is not None and not record.with_suffix(".hea").exists():
            print(f"passerelle-sim: there is no WFDB header {record.with_suffix('.hea')}", file=sys.stderr)
            return USAGE
    if options.ecg_rate is not None and not 1 <= options.ecg_rate <= 4000:
        print("passerelle-sim: --ecg-rate is between 1 and 4000", file=sys.stderr)
        return USAGE
    names = tuple(name for name in options.instruments.split(",") if name)
    try:
        Equipment.of(names)
    except ValueError as error:
        print(f"passerelle-sim: {error}", file=sys.stderr)
        return USAGE
    asyncio.run(run(VehicleOptions(options.dir, records[0], options.ecg_rate, not options.no_camera, names,
                                   records[1])))
    return 0


def _patient(options: argparse.Namespace) -> int:
    wanted = {name: getattr(options, name) for name in ("systolic", "diastolic", "pulse", "seconds")
              if getattr(options, name) is not None}
    return _press(options.dir, "cuff/measure", wanted)


def _instrument(options: argparse.Namespace) -> int:
    fields: dict[str, Any] = {}
    names = options.fields[::2]
    if len(options.fields) % 2 or not all(name.startswith("--") for name in names):
        print("passerelle-sim: fields are pairs of --name value", file=sys.stderr)
        return USAGE
    for name, value in zip(names, options.fields[1::2], strict=True):
        fields[name.removeprefix("--")] = _typed(value)
    return _press(options.dir, f"ble/{options.name}/{options.action}", fields)


def _typed(value: str) -> Any:
    """true, false, a whole number; anything else stays the word it is, so that 37.60 keeps its digits."""
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.removeprefix("-").isdecimal() else value


def _script(options: argparse.Namespace) -> int:
    from .training.lesson import find, parse, play

    try:
        lesson = parse(find(options.file).read_text())
    except (OSError, ValueError) as error:
        print(f"passerelle-sim: {error}", file=sys.stderr)
        return USAGE
    if not 0.1 <= options.speed <= 100:
        print("passerelle-sim: --speed is between 0.1 and 100", file=sys.stderr)
        return USAGE
    described = _described(options.dir)
    if described is None:
        return UNAVAILABLE
    missing = [name for name in lesson.instruments if name not in described["ble"]]
    if missing:
        print(f"passerelle-sim: start the vehicle with --instruments {','.join(lesson.instruments)}", file=sys.stderr)
        return USAGE

    async def do(path: str, fields: dict[str, Any]) -> dict[str, Any]:
        return await _post(f"{described['control']}/{path}", fields)

    try:
        refused = asyncio.run(play(lesson, do, lambda words: print(words, flush=True), options.speed))
    except OSError:
        print(f"passerelle-sim: the simulated vehicle in {options.dir} has ended", file=sys.stderr)
        return UNAVAILABLE
    return UNAVAILABLE if refused else 0


def _press(directory: Path, path: str, fields: dict[str, Any]) -> int:
    described = _described(directory)
    if described is None:
        return UNAVAILABLE
    try:
        answer = asyncio.run(_post(f"{described['control']}/{path}", fields))
    except (OSError, ValueError):
        print(f"passerelle-sim: the simulated vehicle in {directory} does not answer", file=sys.stderr)
        return UNAVAILABLE
    print(json.dumps(answer))
    return UNAVAILABLE if "error" in answer else 0


def _described(directory: Path) -> dict[str, Any] | None:
    """What sim.json says; None, and a sentence, when no vehicle runs there."""
    try:
        described: dict[str, Any] = json.loads((directory / "sim.json").read_text())
        described["control"], described["ble"]
    except (OSError, ValueError, KeyError):
        print(f"passerelle-sim: no simulated vehicle runs in {directory}", file=sys.stderr)
        return None
    return described


async def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """The control server's answer. OSError when there is none."""
    import aiohttp

    try:
        async with (aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session,
                    session.post(url, json=body) as response):
            if response.content_type != "application/json":
                return {"error": f"there is nothing at {response.url.path}"}
            answer: dict[str, Any] = await response.json()
            return answer
    except aiohttp.ClientError as error:
        raise OSError(type(error).__name__) from error


if __name__ == "__main__":
    sys.exit(main())
