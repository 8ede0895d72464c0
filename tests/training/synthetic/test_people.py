from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from training.data.synthetic.body import BONES, Body
from training.data.synthetic.people import Person, draw_person
from training.data.synthetic.wardrobe import Wardrobe, make_wardrobe


def test_person_is_the_same_whenever_drawn() -> None:
    assert draw_person(1, 5) == draw_person(1, 5)


def test_no_two_people_share_clothes_or_scenery() -> None:
    people = [draw_person(1, index) for index in range(40)]

    assert len({person.look.shirt for person in people}) == 40
    assert len({person.setting.scenery_seed for person in people}) == 40


def test_body_stands_as_tall_as_its_person(body: Body, person: Person) -> None:
    assert_allclose(np.ptp(body.vertices_V3[:, 2]), person.stature_m, rtol=1e-5)


def test_skinning_weights_of_a_vertex_sum_to_one(body: Body) -> None:
    assert_allclose(body.weights_VW.sum(axis=1), 1.0, rtol=1e-5)
    assert body.bones_VW.max() < len(BONES)


def test_body_faces_forward_with_its_left_hand_on_the_left(body: Body) -> None:
    assert body.joint("wrist.L")[1] > 0.2
    assert body.joint("wrist.R")[1] < -0.2
    assert body.vertices_V3[:, 0].max() > 0.15


def _dress(body: Body, person: Person, **changes: Any) -> Wardrobe:
    look = replace(person.look, **changes)
    return make_wardrobe(body, look, first_sleeve="R", random=np.random.default_rng(0))


def test_patterned_shirt_shows_both_its_colors(body: Body, person: Person) -> None:
    striped = replace(person.look.shirt, pattern="stripes", color=(0, 0, 0.5), second=(0.5, 0, 0))

    colors_V3 = _dress(body, person, shirt=striped).colors_V3

    is_first_V, is_second_V = (
        (colors_V3[:, other] == 0) & (colors_V3[:, own] > 0.4) & (colors_V3[:, 1] == 0)
        for own, other in ((2, 0), (0, 2))
    )
    assert 0.4 < is_first_V.sum() / is_second_V.sum() < 2.5


def test_hair_and_hat_stand_off_the_head(body: Body, person: Person) -> None:
    bald, hairy, capped = (
        _dress(body, person, hair_m=hair_m, hat=hat, looseness_m=0.0).padding_V.max()
        for hair_m, hat in ((0.0, None), (0.03, None), (0.0, (0.5, 0.5, 0.5)))
    )

    assert (bald, hairy, capped) == pytest.approx((0.0, 0.03, 0.02))


def test_jacket_covers_more_the_further_it_is_put_on(body: Body, person: Person) -> None:
    wardrobe = _dress(body, person)

    covered = [
        (wardrobe.dressed(worn)[1] > wardrobe.padding_V.astype(np.float32)).sum()
        for worn in (0.0, 0.3, 0.6, 1.0)
    ]

    assert covered[0] == 0
    assert covered == sorted(set(covered))


def test_jacket_starts_with_the_sleeve_that_comes_first(body: Body, person: Person) -> None:
    wardrobe = _dress(body, person)

    is_padded_V = wardrobe.dressed(0.3)[1] > wardrobe.padding_V.astype(np.float32)

    assert body.vertices_V3[is_padded_V, 1].max() < 0.0
