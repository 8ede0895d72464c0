"""Loaded by schemathesis: media that a decoder can read, among bytes that it cannot.

It makes bytes at random, of which none would ever be a video. The folder is given by the test.
"""

import os
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

MEDIA_VARIABLE = "FUZZING_MEDIA"
MEDIA = [path.read_bytes() for path in sorted(Path(os.environ[MEDIA_VARIABLE]).iterdir())]

FILES = st.sampled_from(MEDIA) | st.binary(max_size=64)

schemathesis.openapi.format("binary", FILES)
schemathesis.openapi.media_type("application/x-npy", FILES, aliases=("video/*", "image/gif"))
