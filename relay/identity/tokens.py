"""Tokens for sockets: JWT (RFC 7519, RFC 8725) under ES256, bound to a person and a sign-in."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from protocol.accounts import Token
from relay.keys import SigningKey

TYPE = "passerelle-signalling+jwt"
AUDIENCE = "passerelle-signalling"
ISSUER = "passerelle-relay"
LIFETIME = timedelta(minutes=10)
"""A page fetches a new one before each connection; ten minutes cover a slow one."""
SKEW_SECONDS = 60

_HEADER = {"alg", "typ", "kid"}
_CLAIMS = ["aud", "exp", "iat", "iss", "jti", "nbf", "sid", "sub"]


class TokenRefused(Exception):
    """The token does not hold. `code` is `token.refused` or `token.expired`; the rest is nobody's business."""

    def __init__(self, code: str = "token.refused") -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Bearer:
    """Whom a token speaks for."""

    account_id: str
    session_id: str


class Tokens:
    """Issues tokens under one key and accepts those of the keys it was given, by `kid`."""

    def __init__(self, key: SigningKey, earlier: Mapping[str, ec.EllipticCurvePublicKey] | None = None) -> None:
        self._key = key
        self._keys = {**(earlier or {}), key.key_id: key.public}

    def issue(self, account_id: str, session_id: str, now: datetime) -> Token:
        """A token for this person's sign-in."""
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": account_id, "sid": session_id, "iat": now, "nbf": now,
                  "exp": now + LIFETIME, "jti": secrets.token_urlsafe(16)}
        encoded = jwt.encode(claims, self._key.private, algorithm="ES256",
                             headers={"typ": TYPE, "kid": self._key.key_id})
        return Token(token=encoded, expires_at=now + LIFETIME)

    def check(self, token: str) -> Bearer:
        """Whom the token speaks for. TokenRefused whatever is wrong with it.

        The key comes from the map alone: a header that names another place for it is refused,
        as is any name RFC 7515 does not let us understand (`crit`).
        """
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.get(str(header.get("kid")))
            if set(header) != _HEADER or header["typ"] != TYPE or header["alg"] != "ES256" or key is None:
                raise TokenRefused
            claims = jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER,
                                leeway=SKEW_SECONDS, options={"require": _CLAIMS, "strict_aud": True})
        except jwt.ExpiredSignatureError as error:
            raise TokenRefused("token.expired") from error
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise TokenRefused from error
        account_id, session_id = claims["sub"], claims["sid"]
        if not isinstance(account_id, str) or not isinstance(session_id, str):
            raise TokenRefused
        return Bearer(account_id, session_id)
