"""The 34 activities: which script each performs, and in which direction of time."""

from collections.abc import Callable
from dataclasses import dataclass

from training.data.synthetic import activities_car as car
from training.data.synthetic import activities_objects as objects
from training.data.synthetic import activities_wear as wear
from training.data.synthetic.cast import Cast
from training.data.synthetic.script import Script


@dataclass(frozen=True)
class Activity:
    """A script and the direction in which it is performed.

    Two activities of one script in opposite directions show the same frames in opposite order:
    what a single frame looks like says nothing about which of the two it is from.

    Attributes:
        perform: Makes the script.
        is_reversed: Whether it is played from its end.
        is_steady: Whether it goes on throughout the clip, without a beginning and an end.
    """

    perform: Callable[[Cast], Script]
    is_reversed: bool = False
    is_steady: bool = False


ACTIVITIES: dict[str, Activity] = {
    "closing_bottle": Activity(objects.opening_bottle, is_reversed=True),
    "closing_door_inside": Activity(car.opening_door_inside, is_reversed=True),
    "closing_door_outside": Activity(car.opening_door_outside, is_reversed=True),
    "closing_laptop": Activity(objects.opening_laptop, is_reversed=True),
    "drinking": Activity(objects.drinking),
    "eating": Activity(objects.eating, is_steady=True),
    "entering_car": Activity(car.entering_car),
    "exiting_car": Activity(car.entering_car, is_reversed=True),
    "fastening_seat_belt": Activity(car.fastening_belt),
    "fetching_an_object": Activity(car.fetching_object),
    "interacting_with_phone": Activity(objects.interacting_with_phone, is_steady=True),
    "looking_or_moving_around (e.g. searching)": Activity(car.looking_around, is_steady=True),
    "opening_backpack": Activity(objects.opening_backpack),
    "opening_bottle": Activity(objects.opening_bottle),
    "opening_door_inside": Activity(car.opening_door_inside),
    "opening_door_outside": Activity(car.opening_door_outside),
    "opening_laptop": Activity(objects.opening_laptop),
    "placing_an_object": Activity(car.fetching_object, is_reversed=True),
    "preparing_food": Activity(objects.preparing_food, is_steady=True),
    "pressing_automation_button": Activity(car.pressing_button),
    "putting_laptop_into_backpack": Activity(objects.putting_laptop_into_backpack),
    "putting_on_jacket": Activity(wear.putting_on_jacket),
    "putting_on_sunglasses": Activity(wear.putting_on_sunglasses),
    "reading_magazine": Activity(wear.reading_magazine, is_steady=True),
    "reading_newspaper": Activity(wear.reading_newspaper, is_steady=True),
    "sitting_still": Activity(car.sitting_still, is_steady=True),
    "taking_laptop_from_backpack": Activity(objects.putting_laptop_into_backpack, is_reversed=True),
    "taking_off_jacket": Activity(wear.putting_on_jacket, is_reversed=True),
    "taking_off_sunglasses": Activity(wear.putting_on_sunglasses, is_reversed=True),
    "talking_on_phone": Activity(objects.talking_on_phone, is_steady=True),
    "unfastening_seat_belt": Activity(car.fastening_belt, is_reversed=True),
    "using_multimedia_display": Activity(car.using_display),
    "working_on_laptop": Activity(objects.working_on_laptop, is_steady=True),
    "writing": Activity(wear.writing, is_steady=True),
}
