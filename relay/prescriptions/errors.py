"""What prescriptions refuse, as coded errors."""

from __future__ import annotations

from protocol.prescription import Mention


class PrescriptionError(Exception):
    """Root of the refusals. `code` is stable; `facts` are for the sentence on the screen."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class NotAcceptable(PrescriptionError):
    """The draft cannot become a prescription; the doctor changes it. `mentions` say where."""

    def __init__(self, code: str, mentions: tuple[Mention, ...] = ()) -> None:
        super().__init__(code)
        self.mentions = mentions


class NotAllowed(PrescriptionError):
    """The doctor does not have this call, or has no certified key in this browser."""


class Unknown(PrescriptionError):
    """No such prescription for whoever asks; somebody else's is unknown too."""


class Conflict(PrescriptionError):
    """Too late, too many, or a step that may not follow."""


class SignatureRefused(PrescriptionError):
    """The signature does not hold over the prepared page."""


class Unavailable(PrescriptionError):
    """The relay cannot read its own file: nothing the asker did."""
