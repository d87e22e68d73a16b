"""What every HTTP handler of the relay can reach, on the aiohttp application."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from relay.bus import Bus
from relay.config import Config
from relay.identity.accounts import Accounts
from relay.identity.passwords import GuessLimit, Passwords
from relay.identity.sign_ins import SignIns
from relay.identity.tokens import Tokens
from relay.origins import Origins
from relay.storage.base import Storage


@dataclass(frozen=True)
class Context:
    """The relay's parts. `ca_pem` is the certificate of the issuing CA."""

    config: Config
    storage: Storage
    bus: Bus
    accounts: Accounts
    sign_ins: SignIns
    tokens: Tokens
    passwords: Passwords
    guesses: GuessLimit
    origins: Origins
    ca_pem: str


CONTEXT = web.AppKey("context", Context)
