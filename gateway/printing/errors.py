"""What can go wrong between a signed prescription and its paper."""

from __future__ import annotations


class PaperError(Exception):
    """Root of the printing room's errors; `code` is stable."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PaperConflict(PaperError):
    """The step does not follow the one the prescription is at, or it is unknown: the caller did wrong."""


class PaperUnsaved(PaperError):
    """The disk did not take it: nothing happened, the same may be asked again."""


class FetchFailed(PaperError):
    """The relay did not give the bytes now; asking again later is right."""


class NotPrinted(PaperError):
    """The printer never got the job: no paper can exist."""


class PrintUnknown(PaperError):
    """The job was handed over and what became of it is not known: a person looks at the tray (I4)."""
