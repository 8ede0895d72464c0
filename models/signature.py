"""Who vouches for a model: an Ed25519 signature (RFC 8032) of its card.

The card holds the sha256 of every file, so its signature covers the whole folder. It lies beside
the card as the 64 bytes that OpenSSL makes and checks, too.

model-signing 1.1.1 does more than is wanted here: identities and a transparency log. It brings 22
packages, 53 MB and HTTP clients, takes 280 ms and 50 MB to import, and as released does not even
import, for it forgets pyOpenSSL. cryptography is two packages and 18 MB, 25 ms and 12 MB; what is
offered offline, signing with a key of one's own, is the same.
"""

from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from models.errors import SignatureError, SigningKeyError


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Read the key that signatures are checked with, a PEM file.

    Raises:
        SigningKeyError: If the file cannot be read, or holds no such key.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as exc:
        raise SigningKeyError(f"the public key {path.name} cannot be read") from exc
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyError(f"the public key {path.name} is no Ed25519 key")
    return key


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Read the key that signatures are made with, a PEM file without a password.

    Raises:
        SigningKeyError: If the file cannot be read, or holds no such key.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise SigningKeyError(f"the private key {path.name} cannot be read") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(f"the private key {path.name} is no Ed25519 key")
    return key


def check_signature(content: bytes, signature: bytes, *, key: Ed25519PublicKey) -> None:
    """Check the signature of a card's bytes.

    Raises:
        SignatureError: If it was not made of them with the key's private half.
    """
    try:
        key.verify(signature, content)
    except InvalidSignature as exc:
        raise SignatureError("its signature is not one of the trusted key") from exc
