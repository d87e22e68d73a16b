"""`passerelle-gateway`: run the vehicle's process, enrol it, hash a nurse's PIN, decode an instrument's frame."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import structlog
import uvloop

from . import config
from .config import ConfigError
from .exits import ExitCode, StartRefused, of_os_error
from .heap import return_large_blocks

PIN_FORM = re.compile(r"\d{4,12}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; always ends the process with one of `exits.ExitCode`."""
    arguments = _parser().parse_args(argv)
    try:
        commands = {"run": _run, "enrol": _enrol, "pin": _pin, "check": _check,
                    "decode": _decode, "export-stills": _export_stills, "replay": _replay}
        commands[arguments.command](arguments)
    except StartRefused as refused:
        _end(refused.code, refused.sentence)
    except ConfigError as error:
        _end(ExitCode.configuration, f"{error}.")
    except OSError as error:
        translated = of_os_error(error, arguments.command)
        _end(translated.code, translated.sentence)
    except KeyboardInterrupt:
        _end(ExitCode.ok, "stopped.")
    raise SystemExit(ExitCode.ok)


def _run(arguments: argparse.Namespace) -> None:
    from . import app  # the codecs take half a second to load: `enrol` and `pin` need none of them
    settings = config.read(arguments.config)
    _log_to_stderr()
    return_large_blocks()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(app.serve(settings, arguments.config))
    except BaseExceptionGroup as group:
        refused = group.subgroup(StartRefused)
        if refused is not None:
            raise _first(refused) from None
        # A mistake of ours: the details are for support, the service manager starts us again.
        structlog.get_logger().critical("gateway.crashed", exc_info=group)
        raise StartRefused(ExitCode.software, "the gateway crashed; it will be started again, tell support.") from None


def _enrol(arguments: argparse.Namespace) -> None:
    from . import enrolment
    try:
        vehicle = asyncio.run(enrolment.enrol(arguments.code, arguments.relay, arguments.directory,
                                              replace=arguments.replace))
    except enrolment.EnrolmentRefused as refused:
        words = enrolment.SENTENCES.get(refused.code, "The enrolment was refused.")
        code = {"enrol.unreachable": ExitCode.unavailable, "enrol.code_malformed": ExitCode.usage,
                "enrol.insecure": ExitCode.usage, "enrol.already": ExitCode.cannot_create}.get(
                    refused.code, ExitCode.configuration)
        raise StartRefused(code, f"{words} ({refused.code})") from refused
    sys.stdout.write(f"{vehicle.name} ({vehicle.vehicle_id}) is enrolled; its relay is {vehicle.relay_url}\n")


def _pin(arguments: argparse.Namespace) -> None:
    from argon2 import PasswordHasher
    pin = getpass.getpass("PIN: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    if not PIN_FORM.fullmatch(pin):
        raise StartRefused(ExitCode.usage, "a PIN is 4 to 12 digits.")
    sys.stdout.write(PasswordHasher().hash(pin) + "\n")


def _check(arguments: argparse.Namespace) -> None:
    config.read(arguments.config)
    sys.stdout.write(f"{arguments.config}: good\n")


def _decode(arguments: argparse.Namespace) -> None:
    from . import decode_command
    line, code = decode_command.run(arguments.kind, " ".join(arguments.hex), arguments.model)
    sys.stdout.write(line + "\n")
    if code is not ExitCode.ok:
        raise SystemExit(code)


def _replay(arguments: argparse.Namespace) -> None:
    from . import replay_command
    for line in replay_command.run(arguments.file, every=arguments.all):
        sys.stdout.write(line + "\n")


def _export_stills(arguments: argparse.Namespace) -> None:
    from . import export_command
    written = export_command.run(arguments.data, arguments.encounter, arguments.out, arguments.optics)
    for line in written:
        sys.stdout.write(json.dumps(line) + "\n")
    if any("error" in line for line in written):
        raise StartRefused(ExitCode.configuration, "some stills could not be written, see above.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="passerelle-gateway", description="The process in the vehicle.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    run = commands.add_parser("run", help="run until SIGTERM")
    check = commands.add_parser("check", help="read the configuration and say what is wrong with it")
    for command in (run, check):
        command.add_argument("--config", type=Path, required=True)
    enrol = commands.add_parser("enrol", help="turn a one-time code into this vehicle's certificate")
    enrol.add_argument("code")
    enrol.add_argument("--relay", required=True, help="the relay's public address")
    enrol.add_argument("--directory", type=Path, required=True, help="where the key and the certificates go")
    enrol.add_argument("--replace", action="store_true", help="give an enrolled vehicle a new identity")
    commands.add_parser("pin", help="read a PIN and print its hash for [[nurse]]")
    export = commands.add_parser("export-stills", help="write an encounter's stills as DICOM files")
    export.add_argument("--data", type=Path, required=True, help="the vehicle's memory, as `data` in its configuration")
    export.add_argument("--encounter", required=True, help="its identifier, or `last` for the one closed last")
    export.add_argument("--out", type=Path, required=True, help="the folder the files go to")
    export.add_argument("--optics", type=Path, help="TOML: what is known of each camera, one table an instrument")
    decode = commands.add_parser("decode", help="say what a raw frame of an instrument means, as JSON")
    decode.add_argument("kind", help="a characteristic (2a35) or a maker's protocol (nonin-3230)")
    decode.add_argument("hex", nargs="+", help="the frame's bytes")
    replay = commands.add_parser("replay", help="decide a call's rates again from its log, and say what differs")
    replay.add_argument("file", type=Path, help="a file of `decisions` in the vehicle's memory")
    replay.add_argument("--all", action="store_true", help="every decision, not one a second")
    decode.add_argument("--model", default="", help="the instrument's model, where its frames differ")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _end(ExitCode.usage, f"{message}; try {self.prog} --help.")


def _first(group: BaseExceptionGroup[StartRefused]) -> StartRefused:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _end(code: ExitCode, sentence: str) -> NoReturn:
    sys.stderr.write(f"passerelle-gateway: {sentence}\n")
    raise SystemExit(code)


def _log_to_stderr() -> None:
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.format_exc_info, renderer],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


if __name__ == "__main__":
    main()
