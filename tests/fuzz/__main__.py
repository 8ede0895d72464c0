"""Looks for files that crash, hang or bloat the decoder: `python -m tests.fuzz --cases 20000`.

A case is a good clip with damage that follows from the seed and the number of the case, so that
`--first` resumes and one number is enough to see a failure again.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

from app.settings import count_cores
from tests.clips import make_clips
from tests.fuzz.hunt import Ground, hunt

NUM_FRAMES = 24


def main() -> None:
    """Run the cases that the command line asks for.

    Raises:
        SystemExit: With status 1 if a case failed or memory grew.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where failures go")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(Path(folder), num_frames=NUM_FRAMES)
    ground = Ground(
        clips=clips,
        seed=options.seed,
        folder=options.keep,
        num_workers=count_cores(),
        report=partial(print, flush=True),
    )
    found = hunt(ground, range(options.first, options.first + options.cases))
    print(found)
    raise SystemExit(found.has_failed)


if __name__ == "__main__":
    main()
