"""Models that are loaded, replaced and unloaded while others serve."""

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.errors import (
    CorruptFileError,
    InvalidCardError,
    ModelError,
    ModelInUseError,
    ModelNotReadyError,
    SignatureError,
    UnknownModelError,
)
from models.registry import ModelRegistry
from tests.model_factory import write_model_folder
from tests.models.keys import write_public_key
from tests.models.test_registry import break_card, break_hash, break_keys, load_registry


def install(root: Path, *, version: int, seed: int) -> Path:
    return write_model_folder(root, name="tiny-fp32", version=version, seed=seed)


def replace_folder(folder: Path, *, seed: int) -> None:
    """Replace a model in place by one of other weights."""
    root = folder.parents[1]
    shutil.rmtree(folder)
    write_model_folder(root, name=folder.parent.name, version=int(folder.name), seed=seed)


def test_name_leads_to_the_newest_loaded_version_and_aliases_stay(root: Path) -> None:
    registry = load_registry(root)
    install(root, version=3, seed=3)

    assert registry.find_stale()[0].reference == "tiny-fp32@3"
    assert registry.resolve("tiny-fp32").reference == "tiny-fp32@2"

    registry.load_model("tiny-fp32@3")

    assert registry.get("tiny-fp32").card.version == 3
    assert registry.get("default").card.version == 2


def test_version_that_was_installed_since_is_wanted_only_if_its_name_was_requested(
    root: Path,
) -> None:
    registry = load_registry(root)
    install(root, version=3, seed=3)
    write_model_folder(root, name="other-fp32", version=2, seed=4)

    assert [entry.reference for entry in registry.find_stale()] == ["tiny-fp32@3"]
    assert registry.resolve("other-fp32@2").state == "not_loaded"


def test_model_that_was_installed_since_is_loaded_on_demand(root: Path) -> None:
    registry = load_registry(root)
    install(root, version=7, seed=3)

    entry = registry.load_model("tiny-fp32@7")

    assert (entry.state, entry.reason) == ("ready", "")
    assert registry.get("tiny-fp32@7").card.version == 7
    with pytest.raises(UnknownModelError):
        registry.load_model("tiny-fp32@8")


def test_replaced_folder_is_taken_and_a_request_under_way_keeps_its_model(root: Path) -> None:
    registry = load_registry(root)
    before = registry.get("tiny-fp32@2")
    replace_folder(root / "tiny-fp32" / "2", seed=9)

    (stale,) = registry.find_stale()
    registry.load_model(stale.reference)

    after = registry.get("tiny-fp32@2")
    assert after is not before
    assert after.card.files != before.card.files
    assert registry.find_stale() == []
    before.warm_up()


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (break_card, InvalidCardError),
        (break_keys, InvalidCardError),
        (break_hash, CorruptFileError),
    ],
)
def test_old_version_serves_on_when_the_new_one_does_not_load(
    root: Path, damage: object, error: type[ModelError]
) -> None:
    registry = load_registry(root)
    before = registry.get("tiny-fp32@2")
    replace_folder(root / "tiny-fp32" / "2", seed=9)
    assert callable(damage)
    damage(root / "tiny-fp32" / "2")

    with pytest.raises(error) as caught:
        registry.load_model("tiny-fp32@2")

    entry = registry.resolve("tiny-fp32@2")
    assert (entry.state, entry.reason) == ("ready", str(caught.value))
    assert registry.get("tiny-fp32@2") is before
    assert registry.problems == {}


def test_half_copied_folder_is_not_loaded_before_the_rest_of_it_is_there(root: Path) -> None:
    registry = load_registry(root)
    folder = install(root, version=3, seed=3)
    whole = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(whole[: len(whole) // 2])

    (entry,) = registry.find_stale()
    with pytest.raises(CorruptFileError, match=r"model\.onnx has sha256"):
        registry.load_model(entry.reference)
    assert registry.get("tiny-fp32").card.version == 2
    assert registry.problems == {}

    (folder / "model.onnx").write_bytes(whole)
    (entry,) = registry.find_stale()
    registry.load_model(entry.reference)

    assert registry.get("tiny-fp32").card.version == 3


def test_loaded_models_serve_on_when_the_disk_is_gone(root: Path) -> None:
    registry = load_registry(root)
    shutil.rmtree(root)

    assert [entry.reference for entry in registry.find_stale()] == ["tiny-fp32@2"]
    with pytest.raises(InvalidCardError, match="No such file"):
        registry.load_model("tiny-fp32@2")

    registry.get("default").warm_up()
    assert [entry.reference for entry in registry.entries] == ["tiny-fp32@2"]
    assert registry.problems == {}


def test_unloaded_model_is_gone_and_not_missed(root: Path) -> None:
    registry = load_registry(root, ("tiny-fp32", "other-fp32"))
    under_way = registry.get("other-fp32")

    entry = registry.unload_model("other-fp32@1")

    assert (entry.state, entry.reason) == ("not_loaded", "unloaded")
    assert registry.problems == {}
    assert registry.find_stale() == []
    with pytest.raises(ModelNotReadyError, match="unloaded"):
        registry.get("other-fp32")
    under_way.warm_up()


def test_unloaded_version_gives_its_name_back_to_the_one_before(root: Path) -> None:
    registry = load_registry(root)
    install(root, version=3, seed=3)
    registry.load_model("tiny-fp32@3")

    registry.unload_model("tiny-fp32@3")

    assert registry.get("tiny-fp32").card.version == 2
    assert registry.find_stale() == []


def test_model_that_an_alias_leads_to_is_not_unloaded(root: Path) -> None:
    registry = load_registry(root)

    with pytest.raises(ModelInUseError, match="'tiny-fp32@2' is in use: alias default leads to it"):
        registry.unload_model("tiny-fp32@2")

    assert registry.get("default").card.version == 2


def test_model_that_was_installed_with_the_name_of_an_alias_hides_nothing(root: Path) -> None:
    registry = load_registry(root)
    write_model_folder(root, name="default", seed=5)

    assert registry.find_stale() == []
    assert registry.problems == {}
    assert registry.get("default").card.name == "tiny-fp32"


def test_folder_that_leads_out_of_the_root_is_refused_by_name(root: Path, tmp_path: Path) -> None:
    outside = write_model_folder(tmp_path / "elsewhere", name="tiny-fp32", version=3)
    (root / "tiny-fp32" / "3").symlink_to(outside)

    registry = load_registry(root)

    assert registry.problems == {
        "tiny-fp32": "tiny-fp32/3/card.json leads out of the folder of models"
    }


def test_unsigned_models_are_refused_where_signatures_are_required(
    root: Path, tmp_path: Path
) -> None:
    key = write_public_key(tmp_path / "public.pem", Ed25519PrivateKey.generate())
    registry = ModelRegistry(
        root,
        requested=("tiny-fp32",),
        aliases={},
        runtime_name="openvino",
        num_threads=1,
        public_key=key,
    )
    registry.load()

    assert "tiny-fp32@2 is not signed" in registry.problems["tiny-fp32"]
    with pytest.raises(SignatureError):
        registry.load_apart("other-fp32")
