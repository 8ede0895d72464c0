"""Writes keys of signatures for tests."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


def write_public_key(path: Path, key: Ed25519PrivateKey) -> Path:
    """Write the public half of a key as a PEM file."""
    public = key.public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def write_private_key(path: Path, key: Ed25519PrivateKey) -> Path:
    """Write a key as a PEM file without a password."""
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path
