from pathlib import Path

import numpy as np

from benchmarks.race import compare
from models.card import NetworkConfig
from models.classifier import load_classifier
from models.spec import ClipSpec
from training.pairs import make_windows, write_pair

# At one pixel, where smaller clips end, random networks hardly tell windows apart.
SPEC = ClipSpec(size_px=96)


def test_pair_is_two_models_that_load_and_agree(tmp_path: Path) -> None:
    pair = write_pair(tmp_path, config=NetworkConfig(width=0.25, stem="3x3x3"), spec=SPEC)
    windows_NTHWC = make_windows(SPEC, num_windows=3, seed=1)

    fp32, int8 = (
        load_classifier(folder, runtime_name="torch", num_threads=1).runtime.infer(windows_NTHWC)
        for folder in (pair.fp32, pair.int8)
    )

    assert compare(int8, fp32).cosine > 0.6


def test_windows_are_frames_in_memory_and_differ() -> None:
    windows_NTHWC = make_windows(SPEC, num_windows=2, seed=0)

    assert windows_NTHWC.shape == (2, 16, 96, 96, 3)
    assert windows_NTHWC.flags.c_contiguous
    assert np.abs(windows_NTHWC[0].astype(int) - windows_NTHWC[1]).mean() > 1
