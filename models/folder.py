"""Reads a model folder whole: what was checked is what is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.card import CARD_FILE, ModelCard, parse_card, read_card_bytes, read_files
from models.errors import SignatureError
from models.files import read_inside

SIGNATURE_FILE = f"{CARD_FILE}.sig"
SIGNATURE_BYTES = 64
"""Length of an Ed25519 signature."""


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """A model folder as it was read.

    Attributes:
        card: Its card.
        contents: Every file that the card names, by name.
    """

    card: ModelCard
    contents: Mapping[str, bytes]


def read_folder(folder: Path, *, public_key: Path | None = None) -> ModelFolder:
    """Read a model folder, every byte once, and check it.

    Args:
        folder: Model folder `<root>/<name>/<version>`; nothing outside of the root is read.
        public_key: File of the key that the card must be signed with; None if it need not be.

    Raises:
        InvalidCardError: If the card cannot be used.
        SignatureError: If it must be signed, and is not signed with the key.
        SigningKeyError: If the key cannot be used.
        CorruptFileError: If a file is missing or is not the card's.
        ForeignFileError: If one is not a file below the root.
    """
    content = read_card_bytes(folder)
    if public_key is not None:
        _check_signature(folder, content, public_key)
    card = parse_card(folder, content)
    return ModelFolder(card=card, contents=read_files(folder, card))


def _check_signature(folder: Path, content: bytes, public_key: Path) -> None:
    # Imported here: it takes 25 ms and 12 MB, for what most services do not ask for.
    from models.signature import check_signature, read_public_key

    key = read_public_key(public_key)
    name = f"{folder.parent.name}@{folder.name}"
    try:
        signature = read_inside(
            folder / SIGNATURE_FILE, root=folder.parents[1], max_bytes=SIGNATURE_BYTES
        )
    except OSError as exc:
        raise SignatureError(f"{name} is not signed: {SIGNATURE_FILE}: {exc.strerror}") from exc
    try:
        check_signature(content, signature, key=key)
    except SignatureError as exc:
        raise SignatureError(f"{name} is refused: {exc}") from exc
