"""Loaded by schemathesis: media that a decoder can read, among bytes, and what a 5xx may be.

It makes bytes at random, of which none would ever be a video. The folder is given by the test.
"""

import os
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st

MEDIA_VARIABLE = "FUZZING_MEDIA"
MEDIA = [path.read_bytes() for path in sorted(Path(os.environ[MEDIA_VARIABLE]).iterdir())]

FILES = st.sampled_from(MEDIA) | st.binary(max_size=64)

# Where a client asks for an answer within a millisecond, a refusal is the right answer.
REFUSALS = {503: ("queue_full",), 504: ("deadline_exceeded",)}

schemathesis.openapi.format("binary", FILES)
schemathesis.openapi.media_type("application/x-npy", FILES, aliases=("video/*", "image/gif"))


@schemathesis.check
def only_refusals_are_server_errors(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Allow a 5xx only where the service refuses what the client asked for."""
    if response.status_code >= 500:
        allowed = REFUSALS.get(response.status_code, ())
        assert response.json()["code"] in allowed, response.text
