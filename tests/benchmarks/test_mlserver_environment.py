import subprocess
import sys

from tests.conftest import REPOSITORY_ROOT

REQUIREMENTS = REPOSITORY_ROOT / "benchmarks" / "requirements-mlserver.txt"
# Packages that are installed here, but not named there, cannot be imported.
IMPORT_WITH_THESE_ONLY = """
import importlib.metadata, re, sys

def normalize(name):
    return re.sub("[-_.]+", "-", name).lower()

class Absent:
    def find_spec(self, name, path=None, target=None):
        names = {normalize(found) for found in distributions.get(name, ())}
        if names and not names & named:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

distributions = importlib.metadata.packages_distributions()
lines = open(sys.argv[1]).read().splitlines()
named = {normalize(line.partition("==")[0]) for line in lines} | {"driver-activity"}
sys.meta_path.insert(0, Absent())
import benchmarks.peers.pipeline
"""


def test_what_peers_do_needs_nothing_that_the_environment_of_mlserver_has_not() -> None:
    command = [sys.executable, "-c", IMPORT_WITH_THESE_ONLY, str(REQUIREMENTS)]

    done = subprocess.run(command, cwd=REPOSITORY_ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
