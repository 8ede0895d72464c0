"""Start Warp without the lines that it prints."""

import os

import warp as wp


def start_warp() -> None:
    """Initialize Warp once; where there is no GPU it would say so on stderr, from C."""
    wp.config.log_level = wp.LOG_ERROR
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        wp.init()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
