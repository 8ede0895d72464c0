"""Memory between steps, seen from outside: in a process of its own, for it holds for good."""

import subprocess
import sys

TOUCH = """
import resource, torch
from training.memory import keep_freed_memory

def count_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.zeros(10_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

{call}
for _ in range(40):  # the heap takes some to be large enough
    count_faults()
print(count_faults())
"""


def count_faults(call: str) -> int:
    code = TOUCH.format(call=call)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(run.stdout)


def test_freed_memory_is_taken_again_without_the_system() -> None:
    assert count_faults("keep_freed_memory()") < 100 < count_faults("")
