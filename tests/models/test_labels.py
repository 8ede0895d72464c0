from models.labels import DRIVE_AND_ACT_LABELS, TIME_REVERSED_PAIRS


def test_labels_are_the_34_of_the_benchmark_in_alphabetical_order() -> None:
    assert len(DRIVE_AND_ACT_LABELS) == 34
    assert list(DRIVE_AND_ACT_LABELS) == sorted(set(DRIVE_AND_ACT_LABELS))


def test_time_reversed_pairs_are_known_labels_used_once() -> None:
    paired = [label for pair in TIME_REVERSED_PAIRS for label in pair]

    assert set(paired) <= set(DRIVE_AND_ACT_LABELS)
    assert len(set(paired)) == len(paired) == 18
