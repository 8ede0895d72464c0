import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from models.card import CARD_FILE, WEIGHTS_FILE, hash_file
from models.errors import AliasTakenError, ModelNotReadyError, UnknownModelError
from models.registry import ModelRegistry
from models.runtimes import RuntimeName


def make_registry(
    root: Path, requested: Sequence[str] = ("tiny-fp32",), *, runtime_name: RuntimeName = "openvino"
) -> ModelRegistry:
    return ModelRegistry(
        root,
        requested=requested,
        aliases={"default": "tiny-fp32", "first": "tiny-fp32@1", "lost": "nothing"},
        runtime_name=runtime_name,
        num_threads=1,
    )


def load_registry(root: Path, requested: Sequence[str] = ("tiny-fp32",)) -> ModelRegistry:
    registry = make_registry(root, requested)
    registry.load()
    return registry


def rewrite_card(folder: Path, **changes: object) -> None:
    path = folder / CARD_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_alias_that_would_hide_an_installed_model_leaves_the_registry_not_ready(
    tiny_root: Path,
) -> None:
    registry = ModelRegistry(
        tiny_root,
        requested=("tiny-fp32",),
        aliases={"other-fp32": "tiny-fp32"},
        runtime_name="openvino",
        num_threads=1,
    )
    registry.load()

    assert registry.problems == {
        "other-fp32": "a model of this name is installed, which the alias would hide"
    }


@pytest.mark.parametrize(
    ("reference", "resolved"),
    [
        ("tiny-fp32", "tiny-fp32@2"),
        ("tiny-fp32@1", "tiny-fp32@1"),
        ("default", "tiny-fp32@2"),
        ("first", "tiny-fp32@1"),
        ("other-fp32", "other-fp32@1"),
    ],
)
def test_reference_leads_to_its_newest_or_named_version(
    root: Path, reference: str, resolved: str
) -> None:
    assert make_registry(root).resolve(reference).reference == resolved


@pytest.mark.parametrize(
    "reference", ["nothing", "tiny-fp32@3", "tiny-fp32@", "tiny-fp32@01", "lost", "../tiny", ""]
)
def test_unknown_reference_is_refused_with_what_is_known(root: Path, reference: str) -> None:
    with pytest.raises(UnknownModelError, match="known: default, first, lost, other-fp32@1"):
        make_registry(root).resolve(reference)


def test_aliases_of_an_entry_are_found(root: Path) -> None:
    registry = make_registry(root)

    assert registry.aliases_of(registry.resolve("tiny-fp32@2")) == ["default"]
    assert registry.aliases_of(registry.resolve("tiny-fp32@1")) == ["first"]


def test_registry_is_not_ready_before_it_is_loaded(root: Path) -> None:
    registry = make_registry(root)

    assert registry.problems == {"tiny-fp32": "still loading"}
    with pytest.raises(ModelNotReadyError, match="'tiny-fp32@2' is not ready: still loading"):
        registry.get("default")


def test_only_requested_models_are_loaded_and_every_card_is_read(root: Path) -> None:
    registry = load_registry(root)

    states = {entry.reference: entry.state for entry in registry.entries}
    assert registry.problems == {}
    assert states == {
        "other-fp32@1": "not_loaded",
        "tiny-fp32@1": "not_loaded",
        "tiny-fp32@2": "ready",
    }
    assert all(entry.card is not None for entry in registry.entries)
    with pytest.raises(ModelNotReadyError, match="not asked for"):
        registry.get("other-fp32")


def test_requested_model_that_is_not_installed_leaves_the_others_serving(root: Path) -> None:
    registry = load_registry(root, ["tiny-fp32", "nothing"])

    assert registry.problems == {"nothing": "not installed"}
    assert registry.get("tiny-fp32").card.version == 2


def test_empty_or_missing_folder_is_not_ready(tmp_path: Path) -> None:
    assert load_registry(tmp_path).problems == {"tiny-fp32": "not installed"}
    assert load_registry(tmp_path / "missing").entries == ()


def test_folders_that_are_no_models_are_ignored(root: Path) -> None:
    (root / "tiny-fp32" / "notes").mkdir()
    (root / "Tiny" / "1").mkdir(parents=True)
    (root / "README.md").touch()

    assert len(make_registry(root).entries) == 3


def break_hash(folder: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes(b"changed")


def break_presence(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()


def break_labels(folder: Path) -> None:
    rewrite_card(folder, labels=["a", "b", "c", "d"])


def break_keys(folder: Path) -> None:
    rewrite_card(folder, surprise=1)


def break_card(folder: Path) -> None:
    (folder / CARD_FILE).unlink()


def break_graph(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"not a graph")
    files = {name: hash_file(folder / name) for name in ("model.onnx", WEIGHTS_FILE)}
    rewrite_card(folder, files=files)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (break_hash, "weights.safetensors has sha256"),
        (break_presence, "weights.safetensors: No such file"),
        (break_labels, "f32 x"),
        (break_keys, "surprise: Extra inputs"),
        (break_card, "cannot be read: No such file"),
        (break_graph, "cannot be read"),
    ],
)
def test_broken_model_says_why_and_the_others_serve(
    root: Path, damage: object, reason: str
) -> None:
    assert callable(damage)
    damage(root / "tiny-fp32" / "2")

    registry = load_registry(root, ["tiny-fp32", "other-fp32"])

    assert registry.resolve("tiny-fp32").state == "failed"
    assert reason in registry.problems["tiny-fp32"]
    assert registry.get("other-fp32").card.name == "other-fp32"


def test_broken_card_of_a_model_that_was_not_asked_for_is_shown(root: Path) -> None:
    break_keys(root / "other-fp32" / "1")

    registry = load_registry(root)

    assert registry.problems == {}
    assert registry.resolve("other-fp32").state == "failed"


@pytest.mark.parametrize("runtime_name", ["openvino", "torch"])
def test_registry_loads_on_either_runtime(root: Path, runtime_name: RuntimeName) -> None:
    registry = make_registry(root, runtime_name=runtime_name)

    registry.load()

    assert registry.problems == {}
    assert registry.get("default").runtime.name == runtime_name


def test_model_that_is_loaded_is_not_loaded_again(tiny_root: Path) -> None:
    registry = load_registry(tiny_root)

    assert registry.load_apart("default") is registry.get("tiny-fp32@2")


def test_model_is_loaded_apart_on_another_engine_or_when_nobody_asked_for_it(
    tiny_root: Path,
) -> None:
    registry = load_registry(tiny_root)

    other_engine = registry.load_apart("tiny-fp32", runtime_name="torch")
    other_model = registry.load_apart("other-fp32")

    assert other_engine.runtime.name == "torch"
    assert other_model.card.reference == "other-fp32@1"
    with pytest.raises(ModelNotReadyError):
        registry.get("other-fp32")


def test_engine_that_is_not_installed_is_not_ready(
    tiny_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = load_registry(tiny_root)
    monkeypatch.setitem(sys.modules, "models.runtimes.torch", None)

    with pytest.raises(ModelNotReadyError, match=r"models\.runtimes\.torch is not installed"):
        registry.load_apart("tiny-fp32", runtime_name="torch")


def test_moved_alias_leads_elsewhere_and_what_was_resolved_stays(tiny_root: Path) -> None:
    registry = load_registry(tiny_root, ("tiny-fp32@1", "tiny-fp32@2"))
    before = registry.get("default")

    registry.move_alias("default", "tiny-fp32@1")
    registry.move_alias("new", "tiny-fp32@2")

    assert before.card.version == 2
    assert registry.get("default").card.version == 1
    assert registry.get("new") is before


@pytest.mark.parametrize(
    ("alias", "reference", "error"),
    [
        ("default", "nothing@1", UnknownModelError),
        ("default", "other-fp32@1", ModelNotReadyError),
        ("other-fp32", "tiny-fp32@2", AliasTakenError),
    ],
)
def test_alias_that_cannot_move_stays(
    alias: str, reference: str, error: type[Exception], tiny_root: Path
) -> None:
    registry = load_registry(tiny_root)
    before = dict(registry.aliases)

    with pytest.raises(error):
        registry.move_alias(alias, reference)

    assert registry.aliases == before
