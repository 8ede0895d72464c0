from datetime import date

import pytest
from pydantic import ValidationError

from app.access.keys import NUM_BYTES, ApiKey, find_key, hash_secret, make_secret

SECRET = make_secret()
KEY = ApiKey(name="fleet", scopes=("predict",), sha256=hash_secret(SECRET))


def test_secrets_have_256_random_bits_and_a_mark_that_scanners_find() -> None:
    secrets = {make_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert NUM_BYTES * 8 == 256
    assert all(len(secret) == len("da_") + 43 for secret in secrets)  # base64 of 32 bytes
    assert all(secret.startswith("da_") for secret in secrets)


def test_secret_leads_to_its_key_wherever_it_stands() -> None:
    others = [
        ApiKey(name=f"other-{index}", scopes=("admin",), sha256=hash_secret(make_secret()))
        for index in range(3)
    ]

    assert find_key([*others, KEY], SECRET) == KEY
    assert find_key([KEY, *others], SECRET) == KEY


@pytest.mark.parametrize("secret", ["", SECRET[:-1], f"{SECRET} ", KEY.sha256, "\xff\udcff"[:1]])
def test_any_other_secret_leads_to_none(secret: str) -> None:
    assert find_key([KEY], secret) is None


def test_key_expires_at_the_beginning_of_its_day() -> None:
    key = KEY.model_copy(update={"expires": date(2030, 1, 2)})

    assert key.is_valid_on(date(2030, 1, 1))
    assert not key.is_valid_on(date(2030, 1, 2))
    assert KEY.is_valid_on(date.max)


@pytest.mark.parametrize(
    "change", [{"name": "Fleet\n"}, {"scopes": ()}, {"scopes": ("root",)}, {"sha256": SECRET}]
)
def test_key_of_another_form_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ApiKey.model_validate({**KEY.model_dump(), **change})
