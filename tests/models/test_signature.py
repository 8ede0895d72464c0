import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from models.card import CARD_FILE, ONNX_FILE
from models.classifier import load_classifier
from models.errors import CorruptFileError, SignatureError, SigningKeyError
from models.folder import SIGNATURE_FILE, read_folder
from models.signature import read_private_key, read_public_key
from tests.model_factory import write_model_folder
from tests.models.keys import write_public_key


@pytest.fixture(scope="module")
def signed_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model_folder(tmp_path_factory.mktemp("weights")).parents[1]


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def public_key(key: Ed25519PrivateKey, tmp_path: Path) -> Path:
    return write_public_key(tmp_path / "public.pem", key)


@pytest.fixture
def folder(signed_root: Path, key: Ed25519PrivateKey, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(signed_root, tmp_path / "weights")) / "tiny-fp32" / "1"
    (folder / SIGNATURE_FILE).write_bytes(key.sign((folder / CARD_FILE).read_bytes()))
    return folder


def test_signed_folder_is_loaded(folder: Path, public_key: Path) -> None:
    classifier = load_classifier(
        folder, runtime_name="openvino", num_threads=1, public_key=public_key
    )

    assert classifier.card.reference == "tiny-fp32@1"


def test_unsigned_folder_is_refused_only_where_a_signature_is_required(
    folder: Path, public_key: Path
) -> None:
    (folder / SIGNATURE_FILE).unlink()

    assert read_folder(folder).card.reference == "tiny-fp32@1"
    with pytest.raises(SignatureError, match="tiny-fp32@1 is not signed"):
        read_folder(folder, public_key=public_key)


@pytest.mark.parametrize("content", [b"", b"x" * 64, b"x" * 63])
def test_signature_that_is_none_is_refused(folder: Path, public_key: Path, content: bytes) -> None:
    (folder / SIGNATURE_FILE).write_bytes(content)

    with pytest.raises(SignatureError, match="tiny-fp32@1 is refused"):
        read_folder(folder, public_key=public_key)


def test_signature_of_somebody_else_is_refused(folder: Path, public_key: Path) -> None:
    content = (folder / CARD_FILE).read_bytes()
    (folder / SIGNATURE_FILE).write_bytes(Ed25519PrivateKey.generate().sign(content))

    with pytest.raises(SignatureError, match="not one of the trusted key"):
        read_folder(folder, public_key=public_key)


def test_card_that_was_changed_after_it_was_signed_is_refused(
    folder: Path, public_key: Path
) -> None:
    card = folder / CARD_FILE
    card.write_bytes(card.read_bytes().replace(b"knows nothing", b"knows it all!"))

    with pytest.raises(SignatureError, match="tiny-fp32@1 is refused"):
        read_folder(folder, public_key=public_key)


def test_signature_of_the_card_covers_every_file(folder: Path, public_key: Path) -> None:
    (folder / ONNX_FILE).write_bytes(b"another network")

    with pytest.raises(CorruptFileError, match=r"model\.onnx has sha256"):
        read_folder(folder, public_key=public_key)


@pytest.mark.parametrize("read", [read_public_key, read_private_key])
@pytest.mark.parametrize("content", [None, b"no key"])
def test_key_that_cannot_be_read_is_refused(
    read: object, content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)

    assert callable(read)
    with pytest.raises(SigningKeyError, match=r"key key\.pem cannot be read"):
        read(path)


def test_keys_of_other_kinds_are_refused(tmp_path: Path) -> None:
    other, path = generate_private_key(SECP256R1()), tmp_path / "key.pem"
    path.write_bytes(
        other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(SigningKeyError, match="is no Ed25519 key"):
        read_public_key(path)

    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SigningKeyError, match="is no Ed25519 key"):
        read_private_key(path)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_agrees_with_the_signature(folder: Path, public_key: Path) -> None:
    verified = subprocess.run(
        [
            *("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public_key, "-rawin"),
            *("-in", folder / CARD_FILE, "-sigfile", folder / SIGNATURE_FILE),
        ],
        capture_output=True,
    )

    assert verified.returncode == 0, verified.stderr
