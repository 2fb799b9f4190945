"""PLATFORM_ENCRYPTION_KEY: a list of keys, and what is said of those that are none."""

import os
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from vedfolnir import env

# The same in every process of a run: they stand in the names of tests.
ONE, TWO = (urlsafe_b64encode(bytes([number]) * 32).decode() for number in (1, 2))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    values: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", values)
    return values


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        (ONE, (ONE,)),
        (f"{ONE},{TWO}", (ONE, TWO)),
        (f" {TWO} , {ONE} ", (TWO, ONE)),
        (f"{ONE},", (ONE,)),
        (f"{ONE},,{TWO}", (ONE, TWO)),
    ],
)
def test_several_keys_stand_behind_each_other(environment: dict[str, str], value: str, keys: tuple[str, ...]) -> None:
    environment["PLATFORM_ENCRYPTION_KEY"] = value
    assert env.encryption_keys() == keys


@pytest.mark.parametrize(
    ("value", "position"),
    [
        ("short", 1),
        (f"{ONE},{TWO[:-2]}", 2),
        (f"{ONE};{TWO}", 1),
        (f"{ONE},größe,{TWO}", 2),
        (f"{ONE},{TWO},{ONE}{TWO}", 3),
        (f'"{ONE}"', 1),
    ],
)
def test_a_malformed_key_is_named_by_its_place_and_not_repeated(
    environment: dict[str, str], value: str, position: int
) -> None:
    environment["PLATFORM_ENCRYPTION_KEY"] = value
    with pytest.raises(ImproperlyConfigured, match=f"Key {position} of PLATFORM_ENCRYPTION_KEY is not") as raised:
        env.encryption_keys()
    assert "separated by commas" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert all(part not in str(raised.value) for part in (ONE, TWO, TWO[:-2], "größe"))


@pytest.mark.parametrize("value", ["", "  ", ",", " , "])
def test_without_any_key_it_is_missing(environment: dict[str, str], value: str) -> None:
    environment["PLATFORM_ENCRYPTION_KEY"] = value
    with pytest.raises(ImproperlyConfigured, match="PLATFORM_ENCRYPTION_KEY is missing"):
        env.encryption_keys()


def test_keys_from_a_file_may_stand_on_lines_of_their_own(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{ONE},\n{TWO}\n")
    environment["PLATFORM_ENCRYPTION_KEY_FILE"] = str(tmp_path / "keys")
    assert env.encryption_keys() == (ONE, TWO)
