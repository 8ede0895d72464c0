"""Who takes part in an experiment, and on which side: by keyed hashes, so that it never changes.

Whoever is asked twice gets the same place in [0, 1), and whoever lies below a share is in it: a
larger share adds some and moves nobody else.
"""

import hashlib

NUM_HASH_BYTES = 16


def hash_subject(subject: str, *, salt: str) -> str:
    """Return what is kept of a subject, such as a vehicle's id, instead of its name.

    Args:
        subject: The name.
        salt: Key of the experiment, hexadecimal: other experiments hash to something else, and who
            does not have it cannot try names out.

    Returns:
        32 hexadecimal digits.
    """
    key = bytes.fromhex(salt)
    return hashlib.blake2b(subject.encode(), key=key, digest_size=NUM_HASH_BYTES).hexdigest()


def find_place(digest: str) -> float:
    """Return where in [0, 1) a hash lies, spread evenly over all hashes.

    Args:
        digest: Hexadecimal digits, 13 or more.
    """
    return int(digest[:13], 16) / 16**13  # 52 bits: exact in a float, and never 1
