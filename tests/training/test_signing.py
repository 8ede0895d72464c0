from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.card import ONNX_FILE
from models.folder import SIGNATURE_FILE, read_folder
from tests.model_factory import write_model_folder
from tests.models.keys import write_private_key, write_public_key
from training.__main__ import main


def test_folders_that_were_signed_are_read_where_signatures_are_required(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    private = write_private_key(tmp_path / "private.pem", key)
    folders = [write_model_folder(tmp_path / "weights", version=version) for version in (1, 2)]

    status = main(["sign", "--key", str(private), *map(str, folders)])

    assert status == 0
    public = write_public_key(tmp_path / "public.pem", key)
    versions = [read_folder(folder, public_key=public).card.version for folder in folders]
    assert versions == [1, 2]


def test_folder_whose_files_are_not_the_cards_is_not_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private = write_private_key(tmp_path / "private.pem", Ed25519PrivateKey.generate())
    folder = write_model_folder(tmp_path / "weights")
    (folder / ONNX_FILE).write_bytes(b"changed")

    status = main(["sign", "--key", str(private), str(folder)])

    assert status == 1
    assert "model.onnx has sha256" in capsys.readouterr().err
    assert not (folder / SIGNATURE_FILE).exists()


def test_missing_key_is_an_error_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["sign", "--key", str(tmp_path / "none.pem"), str(tmp_path)])

    assert status == 1
    assert "SigningKeyError: the private key none.pem cannot be read" in capsys.readouterr().err
