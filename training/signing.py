"""Vouch for model folders that are to be served where signatures are required."""

from collections.abc import Sequence
from pathlib import Path

from models.card import read_card, read_card_bytes, read_files
from models.folder import SIGNATURE_FILE
from models.signature import read_private_key
from training.progress import console


def sign_models(folders: Sequence[Path], *, key: Path) -> None:
    """Write the signature of every folder's card beside it, if all files are the card's.

    Args:
        folders: Model folders `<root>/<name>/<version>`.
        key: PEM file of an Ed25519 private key.

    Raises:
        ModelError: If a folder or the key cannot be used; the folders before it are signed.
    """
    private = read_private_key(key)
    for folder in folders:
        card = read_card(folder.absolute())
        read_files(folder.absolute(), card)
        path = folder / SIGNATURE_FILE
        path.write_bytes(private.sign(read_card_bytes(folder.absolute())))
        console.print(f"signed {card.reference}")
