"""What a run of the video benchmark has measured so far, on disk after each sender: a long run that is stopped or fails
loses at most the sender it was at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.video_page import Plots

VERSION = 1


class NotResumable(Exception):
    """The file is no record, or of another run; the text says which."""


@dataclass(slots=True)
class Record:
    """Link -> sender -> figures, and the plots. `asked` is what makes runs comparable: options that change a figure."""

    file: Path
    asked: Mapping[str, Any]
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    plots: dict[str, Plots] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path, asked: Mapping[str, Any]) -> Record:
        """Go on with a run that was stopped: what was measured stays, what failed is tried again. NotResumable."""
        try:
            told = json.loads(file.read_text())
            before, version = told["asked"], told["version"]
            links = {name: {who: row for who, row in rows.items() if "not_measured" not in row}
                     for name, rows in told["links"].items()}
            plots = {name: Plots(**plot) for name, plot in told["plots"].items()}
        except OSError as error:
            raise NotResumable(f"--resume: {file} can not be read ({error.strerror}); leave --resume out") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NotResumable(f"--resume: {file} is no record of this benchmark; leave --resume out") from None
        if version != VERSION or before != dict(asked):
            other = ", ".join(sorted(key for key in {*before, *asked} if before.get(key) != asked.get(key)))
            raise NotResumable(f"--resume: {file} was measured with another {other or 'version'}; "
                               "give the same options or leave --resume out")
        return cls(file, asked, links, plots)

    def missing(self, name: str, senders: list[str]) -> list[str]:
        """Who was not measured yet on this link."""
        return [who for who in senders if who not in self.links.get(name, {})]

    def took(self, name: str, sender: str, row: Mapping[str, Any]) -> None:
        """A sender's figures are there, or why not (`not_measured`): on disk before the next one begins."""
        self.links.setdefault(name, {})[sender] = dict(row)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_name(self.file.name + ".new")
        fresh.write_text(json.dumps({"version": VERSION, "asked": dict(self.asked), "links": self.links,
                                     "plots": {link: asdict(plot) for link, plot in self.plots.items()}}))
        fresh.replace(self.file)

    def done(self) -> None:
        """The figures are in the report."""
        self.file.unlink(missing_ok=True)
