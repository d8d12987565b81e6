"""The recipes of CONTRIBUTING.md work as they are printed."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from parzc import plugins
from parzc.probing.extract import extract
from parzc.proxy import open_proxy

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
RECIPES = dict(re.findall(r"Write `parzc/\w+/(\w+)\.py`:\n\n```python\n(.*?)```", TEXT, re.DOTALL))


@pytest.fixture(autouse=True)
def recipes_in_files(tmp_path, monkeypatch):
    """Make each recipe a module of its own, outside parzc: `recipe_NAME`."""
    for name, code in RECIPES.items():
        (tmp_path / f"recipe_{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield
    for name in RECIPES:
        sys.modules.pop(f"recipe_{name}", None)


def test_there_are_five():
    assert sorted(RECIPES) == ["chains", "hinge", "snip_per_weight", "weight_spread", "worst_rank"]


def test_the_space_and_the_statistic_make_a_table():
    space = plugins.build("spaces", "recipe_chains:Chains", classes=3, image_shape=(1, 4, 4))
    torch.manual_seed(0)
    network = space.build(space.sample(2, seed=0)[0])
    batch = torch.randn(6, 1, 4, 4), torch.arange(6) % 3
    table = extract(network, batch, ["recipe_weight_spread:weight_spread"])
    assert np.isfinite(table.column("weight_spread")).all()


def test_the_space_refuses_what_is_none():
    with pytest.raises(ValueError, match="should read"):
        plugins.build("spaces", "recipe_chains:Chains").canonical("depth:9")


def test_the_loss_prefers_the_right_order():
    loss = plugins.build("losses", {"name": "recipe_hinge:Hinge", "margin": 0.5})
    scores = torch.tensor([0.0, 1.0, 2.0])
    assert loss(scores, scores) < loss(scores, scores.flip(0))
    assert loss(scores, torch.zeros(3)) == 0


def test_the_proxy_and_the_aggregation_score_networks():
    space = plugins.build("spaces", "recipe_chains:Chains", classes=3, image_shape=(1, 4, 4))
    opened = open_proxy("recipe_worst_rank:worst_rank(recipe_snip_per_weight:snip_per_weight,params)")
    batch = torch.randn(6, 1, 4, 4), torch.arange(6) % 3
    tables = [extract(space.build(name), batch, opened.statistics) for name in space.architectures()]
    scores, _ = opened.predict(tables)
    assert opened.statistics == ("snip",)
    assert scores.min() == 1
    assert 1 < scores.max() <= 8
