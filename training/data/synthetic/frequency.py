"""About how often the activities occur in Drive&Act."""

# From frequent to rare, in the order in which public readers of the annotations list them.
_FROM_FREQUENT_TO_RARE = (
    "sitting_still",
    "eating",
    "fetching_an_object",
    "placing_an_object",
    "reading_magazine",
    "reading_newspaper",
    "using_multimedia_display",
    "interacting_with_phone",
    "working_on_laptop",
    "talking_on_phone",
    "writing",
    "pressing_automation_button",
    "putting_on_jacket",
    "fastening_seat_belt",
    "drinking",
    "taking_off_jacket",
    "opening_bottle",
    "looking_or_moving_around (e.g. searching)",
    "closing_bottle",
    "unfastening_seat_belt",
    "putting_on_sunglasses",
    "taking_off_sunglasses",
    "preparing_food",
    "opening_laptop",
    "exiting_car",
    "entering_car",
    "closing_laptop",
    "opening_door_inside",
    "opening_door_outside",
    "closing_door_inside",
    "opening_backpack",
    "putting_laptop_into_backpack",
    "closing_door_outside",
    "taking_laptop_from_backpack",
)
# Split 0 has 1,810 training chunks of sitting_still, the first, and 14 of closing_door_outside,
# the 33rd: a power law through both.
_EXPONENT = 1.39

RELATIVE_FREQUENCY: dict[str, float] = {
    label: rank**-_EXPONENT for rank, label in enumerate(_FROM_FREQUENT_TO_RARE, start=1)
}
"""Share of each activity relative to the most frequent one."""
