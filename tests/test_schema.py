"""Schemas made from signatures."""

from collections.abc import Mapping, Sequence
from enum import EnumMeta
from pathlib import Path
from typing import Any, Literal

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from parzc.schema import REQUIRED, as_annotated, options, schema, takes_only_lists, takes_only_text


def made_of(
    *,
    path: str,
    shape: tuple[int, int] = (3, 4),
    names: Sequence[str] = ("a",),
    rate: float = 0.5,
    count: int | None = None,
    many: int | str = 3,
    place: str | Path | None = None,
    mode: Literal["x", "y"] = "x",
    nested: Mapping[str, int] = {"a": 1},
    anything: Any = None,
    loss=print,
    **rest: object,
): ...


def test_facts_and_what_no_file_can_hold_are_no_options():
    assert list(options(made_of, facts=["rate"])) == [
        "path", "shape", "names", "count", "many", "place", "mode", "nested", "anything",
    ]  # fmt: skip


def test_defaults_come_from_the_signature():
    made = OmegaConf.structured(schema(made_of, name="it"))
    assert OmegaConf.to_container(made, enum_to_str=True) == {
        "name": "it", "path": REQUIRED, "shape": [3, 4], "names": ["a"], "rate": 0.5, "count": None,
        "many": 3, "place": None, "mode": "x", "nested": {"a": 1}, "anything": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rate", "fast"),
        ("count", 1.5),
        ("many", 1.5),
        ("mode", "z"),
        ("shape", [1, "b"]),
        ("path", [1]),
        ("new", 1),
    ],
)
def test_what_does_not_fit_is_refused(key, value):
    with pytest.raises(OmegaConfBaseException):
        OmegaConf.structured(schema(made_of))[key] = value


@pytest.mark.parametrize(
    ("key", "value"),
    [("count", 3), ("many", "all"), ("place", "here"), ("mode", "y"), ("anything", {"b": [1]})],
)
def test_what_fits_is_taken(key, value):
    made = OmegaConf.structured(schema(made_of))
    made[key] = value
    assert OmegaConf.to_container(made, enum_to_str=True)[key] == value


def test_a_choice_of_words_is_an_enumeration():
    assert isinstance(schema(made_of).__annotations__["mode"], EnumMeta)


def test_lists_become_tuples_where_the_signature_says_so():
    assert as_annotated(made_of, {"shape": [1, 2], "names": ["b"], "name": "it"}) == {
        "shape": (1, 2), "names": ["b"], "name": "it",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("annotation", "text", "lists"),
    [
        (str, True, False),
        (str | Path | None, True, False),
        (int | str, False, False),
        (Sequence[str], False, True),
        (list[int] | None, False, True),
        (Sequence[str] | str, False, False),
        (Any, False, False),
    ],
)
def test_kinds_of_annotation(annotation, text, lists):
    assert (takes_only_text(annotation), takes_only_lists(annotation)) == (text, lists)
