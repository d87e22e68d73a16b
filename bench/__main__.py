"""`./run bench` lists the benchmarks; `./run bench NAME [--json FILE]` runs one.

Exit status: 0 every aim was reached, 1 one was missed or could not be measured, 64 wrong options, 130 stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from bench.report import Measured, WrongCall, machine

NAMES = ("call", "faults", "powercut", "visits", "ecg", "video", "handover", "soak", "encode")

WRONG, STOPPED = 64, 130
"""Exit status: EX_USAGE of sysexits.h; 128 and the number of SIGINT."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(WRONG, f"{self.prog}: {message}\n  {self.prog} --help says what there is\n")


def main(argv: list[str] | None = None) -> int:
    """Runs what is asked for; returns the exit status."""
    given = sys.argv[1:] if argv is None else argv
    if not given:
        for name in NAMES:
            print(f"{name:10} {importlib.import_module(f'bench.{name}').SUMMARY}")
        return 0
    if given[0] not in NAMES:
        print(f"bench: there is no benchmark '{given[0]}'; these exist: {', '.join(NAMES)}", file=sys.stderr)
        return WRONG
    module = importlib.import_module(f"bench.{given[0]}")
    parser = _Parser(prog=f"./run bench {given[0]}", description=module.SUMMARY)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    module.arguments(parser)
    options = parser.parse_args(given[1:])
    if options.json and (options.json.is_dir() or not options.json.resolve().parent.is_dir()):
        # Said before the figures are there: afterwards they would be lost.
        parser.error(f"--json {options.json}: no file can be written there")
    started = datetime.now(UTC)
    try:
        measured: Measured = module.run(options)
    except WrongCall as error:
        parser.error(str(error))
    except BaseException as error:
        if not _interrupted(error):
            raise
        print("bench: stopped before the end, no figures were written", file=sys.stderr)
        return STOPPED
    report = {"benchmark": given[0], "started": started.isoformat(timespec="seconds"), "machine": machine(),
              "rig": measured.rig, "results": measured.results, "aims": measured.aims}
    text = json.dumps(report, indent=2, ensure_ascii=False)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    for name, reached in measured.aims.items():
        if not reached:
            print(f"bench: not reached: {name}", file=sys.stderr)
    return 0 if measured.reached else 1


def _asked_to_end(*_: object) -> None:
    """As Ctrl-C: namespaces and browsers are taken down. Once: a second one, as of timeout(1), would cut that off."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.raise_signal(signal.SIGINT)


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: browsers and other children get it as well, and their ends are errors here."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _asked_to_end)
    raise SystemExit(main())
