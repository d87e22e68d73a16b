"""Writing a prescription as a doctor does, and checking a printed one as anybody can, with `pdfsig`."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from .doctor import Doctor

LINES = (
    {"drug": "Amlodipine", "strength": "5 mg", "form": "comprimé", "posology": "1 comprimé le matin", "days": "30"},
    {"drug": "Paracétamol", "strength": "1 g", "form": "comprimé",
     "posology": "1 comprimé si douleur, au plus 3 par jour", "days": "5"},
)


async def prescribe(doctor: Doctor, photograph: Callable[[str], Awaitable[None]]) -> None:
    """Compose two lines, see the mentions turn green, preview, sign."""
    await doctor.at("prescription-open").click()
    for index, line in enumerate(LINES):
        if await doctor.at(f"line-{index}").count() == 0:
            await doctor.at("add-line").click()
        for name, text in line.items():
            await doctor.at(f"line-{index}-{name}").fill(text)
    await doctor.page.locator('[data-testid="prepare"]:enabled').wait_for()
    await photograph("composed")
    await doctor.at("prepare").click()
    await doctor.at("preview-checked").wait_for()
    await doctor.page.locator('[data-testid="preview"][data-state="shown"]').wait_for()
    await photograph("preview")
    await doctor.at("sign").click()
    await doctor.page.locator('[data-testid="step-signed"][data-made="true"]').first.wait_for()
    await photograph("signed")


async def signature_holds(page: Path, ca: Path) -> tuple[bool, str]:
    """Whether `pdfsig` calls the signature of this PDF valid and its signer trusted by `ca`; and what it said."""
    with tempfile.TemporaryDirectory() as trust:
        for argv in (("certutil", "-N", "-d", trust, "--empty-password"),
                     ("certutil", "-A", "-d", trust, "-n", "ca", "-t", "CT,C,C", "-i", str(ca))):
            await _run(*argv)
        said = await _run("pdfsig", "-nssdir", trust, str(page))
    return "Signature is Valid" in said and "Certificate is Trusted" in said and "Total document signed" in said, said


async def _run(*argv: str) -> str:
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE,
                                                   stderr=asyncio.subprocess.STDOUT)
    out, _ = await process.communicate()
    return out.decode(errors="replace")
