import numpy as np

from app.experiments.assignment import find_place, hash_subject

SALT = "00112233445566778899aabbccddeeff"
OTHER_SALT = "ff" * 16
SUBJECTS = [f"vehicle-{number}" for number in range(4000)]


def places_of(subjects: list[str], *, salt: str = SALT) -> np.ndarray:
    return np.array([find_place(hash_subject(subject, salt=salt)) for subject in subjects])


def test_subject_has_the_same_place_every_time() -> None:
    assert hash_subject("vehicle-1", salt=SALT) == hash_subject("vehicle-1", salt=SALT)


def test_places_are_spread_evenly() -> None:
    places = places_of(SUBJECTS)

    tenths, _ = np.histogram(places, bins=10, range=(0, 1))

    assert 0 <= places.min() <= places.max() < 1
    assert tenths.min() > 300  # expected 400, deviation 19
    assert tenths.max() < 500


def test_larger_share_adds_subjects_and_moves_no_other() -> None:
    places = places_of(SUBJECTS)

    before, after = places < 0.1, places < 0.25

    assert (after | ~before).all()
    assert 0.12 < (after & ~before).mean() < 0.18


def test_experiments_place_the_same_subject_independently() -> None:
    places, others = places_of(SUBJECTS), places_of(SUBJECTS, salt=OTHER_SALT)

    assert abs(np.corrcoef(places, others)[0, 1]) < 0.08  # deviation 0.016


def test_hash_does_not_show_the_subject_and_needs_the_salt() -> None:
    digest = hash_subject("vehicle-1", salt=SALT)

    assert len(digest) == 32
    assert "vehicle" not in digest
    assert digest != hash_subject("vehicle-1", salt=OTHER_SALT)


def test_place_of_the_last_hash_is_below_one() -> None:
    assert find_place("f" * 32) < 1
