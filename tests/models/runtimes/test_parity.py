"""The two engines are each other's check."""

from pathlib import Path

import numpy as np
import pytest

from models.card import NetworkConfig
from models.folder import read_folder
from models.runtimes import RuntimeName, load_runtime
from models.spec import ClipSpec
from tests.model_factory import make_windows, write_model_folder

ENGINES: tuple[RuntimeName, ...] = ("openvino", "torch")
SPECS = [
    ClipSpec(num_frames=4, size_px=32),
    ClipSpec(num_frames=8, size_px=48, mean=(120.0, 110.0, 100.0), std=(60.0, 50.0, 40.0)),
    ClipSpec(num_frames=5, size_px=33, mean=(114.8, 107.7, 99.5), std=(1.0, 1.0, 1.0)),
]
CONFIGS = [
    NetworkConfig(width=0.3),
    NetworkConfig(width=0.25, stem="1x3x3", time_strides=(1, 2, 1, 2, 1)),
]


def infer_on_both(folder: Path, spec: ClipSpec) -> list[np.ndarray]:
    windows = make_windows(batch_size=6, spec=spec, seed=1)[0].numpy()
    model = read_folder(folder)
    return [
        load_runtime(name, model.contents, model.card, num_threads=1).infer(windows)
        for name in ENGINES
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_know_their_names(tmp_path: Path, engine: RuntimeName) -> None:
    model = read_folder(write_model_folder(tmp_path))

    assert load_runtime(engine, model.contents, model.card, num_threads=1).name == engine


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("config", CONFIGS)
def test_float_engines_agree(tmp_path: Path, spec: ClipSpec, config: NetworkConfig) -> None:
    folder = write_model_folder(tmp_path, spec=spec, config=config)

    openvino_NK, torch_NK = infer_on_both(folder, spec)

    # 27 layers of float32 sums in another order, with normalization folded in one of them.
    np.testing.assert_allclose(openvino_NK, torch_NK, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("config", CONFIGS)
def test_int8_engines_agree(tmp_path: Path, spec: ClipSpec, config: NetworkConfig) -> None:
    folder = write_model_folder(tmp_path, spec=spec, config=config, precision="int8")

    openvino_NK, torch_NK = infer_on_both(folder, spec)

    # Sums of integers are exact; a float scale that falls on the other side of one half moves a
    # byte by one, now and then.
    assert (openvino_NK.argmax(axis=1) == torch_NK.argmax(axis=1)).all()
    np.testing.assert_allclose(openvino_NK, torch_NK, atol=0.05 * torch_NK.std())
