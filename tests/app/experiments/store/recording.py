"""A process that records, and says which of its observations it was told to be safe."""

import sys
from pathlib import Path

from app.experiments.store.database import Database
from tests.app.experiments.making import make_observation
from tests.app.experiments.store.making import run_recorder


def main(folder: str, url: str, num: str) -> None:
    """Record observations and print the id of each, once it is recorded."""
    with run_recorder(Path(folder), Database(url)) as recorder:
        for index in range(int(num)):
            observation = make_observation(request_id=f"request-{index}")
            recorder.record(observation)
            print(observation.observation_id, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
