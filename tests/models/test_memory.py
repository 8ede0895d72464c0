"""Memory of models that come and go."""

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY_ROOT

NUM_CYCLES = 20
ONE_MODEL_MIB = 20  # what the shipped int8 model takes; measured: 0.1 MiB are left of 20 cycles
# Loads and unloads a model, asks it in threads that stay, and prints what is resident after each.
PROGRAM = """
import sys
from concurrent.futures import ThreadPoolExecutor
import psutil
from app.__main__ import share_one_heap
from app.settings import Settings
from models.golden import make_golden_clip
from models.registry import ModelRegistry
share_one_heap()
registry = ModelRegistry(
    Settings().model_dir,
    requested=("mobilenet3d-lite-fp32",),
    aliases={"default": "mobilenet3d-lite-fp32"},
    runtime_name="openvino",
    num_threads=1,
)
registry.load()
with ThreadPoolExecutor(2) as threads:
    for _ in range(int(sys.argv[1])):
        model = registry.load_model("mobilenet3d-lite-int8@1").classifier
        clip_NTHWC = make_golden_clip(model.card.spec, seed=0)
        list(threads.map(model.predict, [clip_NTHWC] * 4))
        del model
        registry.unload_model("mobilenet3d-lite-int8@1")
        print(psutil.Process().memory_info().rss)
"""


@pytest.mark.slow
def test_memory_of_unloaded_models_comes_back() -> None:
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(NUM_CYCLES)],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout

    resident_mib = [int(line) / 2**20 for line in printed.split()]
    assert len(resident_mib) == NUM_CYCLES
    assert resident_mib[-1] - resident_mib[1] < ONE_MODEL_MIB / 4, resident_mib
