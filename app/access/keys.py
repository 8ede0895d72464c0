"""API keys: what each allows, and how they are made and recognized.

Only a hash of a key is kept. SHA-256 without salt is enough, as a key is 256 random bits: salt and
a slow hash protect what can be guessed. Source: NIST SP 800-63B (2017), section 5.1.2.2, which
asks for them below 112 bits of entropy only.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Scope = Literal["predict", "metrics", "admin"]
KeyName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
NUM_BYTES = 32
PREFIX = "da_"
"""Lets scanners for leaked secrets find ours."""


class ApiKey(BaseModel):
    """One key, without its secret.

    Attributes:
        name: Says whose it is, in the log.
        scopes: What it allows; none includes another.
        sha256: Hash of the secret, in hexadecimal digits.
        expires: The first day, in UTC, on which it is refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: KeyName
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    expires: date | None = None

    def is_valid_on(self, day: date) -> bool:
        """Say whether the key has not expired on a day, in UTC."""
        return self.expires is None or day < self.expires


def make_secret() -> str:
    """Return a new secret, which is kept nowhere."""
    return PREFIX + secrets.token_urlsafe(NUM_BYTES)


def hash_secret(secret: str) -> str:
    """Return what is kept of a secret, and compared."""
    return hashlib.sha256(secret.encode()).hexdigest()


def find_key(keys: Iterable[ApiKey], secret: str) -> ApiKey | None:
    """Return the key that a secret belongs to, in a time that says nothing about the hashes."""
    digest = hash_secret(secret)
    matches = [key for key in keys if hmac.compare_digest(key.sha256, digest)]
    return matches[0] if matches else None
