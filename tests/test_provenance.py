"""What is written beside a product, and what travels with the package."""

import json
from pathlib import Path

import pytest

import parzc
from parzc.provenance import provenance, write_provenance
from parzc.shipped import shipped

SETTINGS = {"space": {"name": "digits_cell"}, "out": Path("x.csv"), "shape": (1, 2), "seed": 3, "rate": 0.5}


def test_it_says_settings_seed_and_versions():
    said = provenance(SETTINGS)
    assert said["settings"] == SETTINGS | {"out": "x.csv", "shape": [1, 2]}
    assert said["seed"] == 3
    assert said["versions"]["parzc"] == parzc.__version__
    assert {"python", "torch", "numpy"} <= said["versions"].keys()


def test_no_seed_is_none():
    assert provenance({})["seed"] is None


def test_it_lies_beside_a_file(tmp_path):
    product = tmp_path / "targets.csv"
    product.write_text("")
    written = write_provenance(product, SETTINGS)
    assert written == tmp_path / "targets.csv.run.json"
    assert json.loads(written.read_text()) == provenance(SETTINGS)


def test_it_lies_in_a_folder(tmp_path):
    assert write_provenance(tmp_path, SETTINGS) == tmp_path / "run.json"


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr("parzc.provenance._PACKAGES", ("no-such-package",))
    assert provenance({})["versions"]["no-such-package"] is None


def test_what_is_not_shipped_is_named():
    with pytest.raises(FileNotFoundError, match=r"conf/nothing\.yaml"):
        shipped("conf/nothing.yaml")


@pytest.mark.parametrize("name", parzc.__all__)
def test_every_public_name_is_there(name):
    assert getattr(parzc, name)


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        parzc.nothing  # noqa: B018
