import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from models.card import WEIGHTS_FILE, ModelCard, read_card
from models.errors import WeightsError
from models.runtimes.torch import TorchRuntime
from tests.model_factory import make_windows, write_model_folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    write_model_folder(root, name="tiny-fp32")
    write_model_folder(root, name="tiny-int8", precision="int8")
    return root


def load(root: Path, precision: str, /, **changes: object) -> TorchRuntime:
    folder = root / f"tiny-{precision}" / "1"
    card = ModelCard.model_validate(read_card(folder).model_dump() | changes)
    return TorchRuntime((folder / WEIGHTS_FILE).read_bytes(), card, num_threads=1)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_windows_of_any_number_give_one_row_of_logits_each(root: Path, precision: str) -> None:
    windows = make_windows(batch_size=5)[0].numpy()

    logits_NK = load(root, precision).infer(windows)

    assert logits_NK.shape == (5, 3)
    assert logits_NK.dtype == np.float32


def test_threads_share_a_runtime(root: Path) -> None:
    runtime = load(root, "int8")
    batches = [batch.numpy() for batch in make_windows(num_batches=8)]
    expected = [runtime.infer(batch) for batch in batches]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(runtime.infer, batches * 5))

    for answer, wanted in zip(answers, expected * 5, strict=True):
        np.testing.assert_array_equal(answer, wanted)


def test_number_of_threads_holds_in_every_calling_thread(root: Path) -> None:
    runtime = load(root, "int8")
    found: list[str] = []

    def infer() -> None:
        runtime.infer(make_windows()[0].numpy())
        found.append(
            next(
                line
                for line in torch.__config__.parallel_info().splitlines()
                if "omp_get_max_threads" in line
            )
        )

    thread = threading.Thread(target=infer)
    thread.start()
    thread.join()

    assert found[0].endswith(": 1")


def test_read_only_windows_are_answered(root: Path) -> None:
    windows = make_windows()[0].numpy()
    runtime = load(root, "fp32")
    expected = runtime.infer(windows)
    windows.setflags(write=False)

    np.testing.assert_array_equal(runtime.infer(windows), expected)


def test_another_number_of_labels_is_refused(root: Path) -> None:
    with pytest.raises(WeightsError, match=r"head\.weight is float32 \(3, 256\), expected"):
        load(root, "fp32", labels=("a", "b", "c", "d"))


def test_float_file_with_an_int8_card_is_refused(root: Path) -> None:
    with pytest.raises(WeightsError, match=r"missing input_scale"):
        load(root, "fp32", precision="int8", parent="other@1")


def test_int8_file_with_a_float_card_is_refused(root: Path) -> None:
    with pytest.raises(WeightsError, match=r"missing features\.stem\.conv\.weight"):
        load(root, "int8", precision="fp32", parent=None)
