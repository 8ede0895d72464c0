import subprocess
import sys
from importlib.metadata import packages_distributions

from tests.conftest import REPOSITORY_ROOT
from tests.pins import normalize, pinned

IMPORT_WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import benchmarks.peers.pipeline
"""


def test_what_peers_do_needs_nothing_that_the_environment_of_mlserver_has_not() -> None:
    named = pinned("benchmarks/requirements-mlserver.txt") | {"driver-activity"}
    absent = [
        module
        for module, packages in packages_distributions().items()
        if named.isdisjoint(map(normalize, packages))
    ]
    command = [sys.executable, "-c", IMPORT_WITHOUT, *absent]

    done = subprocess.run(command, cwd=REPOSITORY_ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
