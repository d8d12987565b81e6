"""The recipes of CONTRIBUTING.md work as they are printed."""

import importlib
import re
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from parzc import plugins
from parzc.acquisition import Belief
from parzc.commands.extract import extract as extract_many
from parzc.commands.label import label
from parzc.competitor import Candidates, Competitor
from parzc.probing.extract import extract
from parzc.proxy import open_proxy
from parzc.space import Space

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


def test_there_are_seven():
    kinds = ["hinge", "nearest", "plain_cnns", "snip_per_weight"]
    assert sorted(RECIPES) == [*kinds, "upper_confidence", "weight_spread", "worst_rank"]


def space(**facts):
    return plugins.build("spaces", "recipe_plain_cnns:PlainCNNs", classes=3, image_shape=(1, 4, 4), **facts)


def test_the_space_and_the_statistic_make_a_table():
    torch.manual_seed(0)
    network = space().build(space().sample(2, seed=0)[0])
    batch = torch.randn(6, 1, 4, 4), torch.arange(6) % 3
    table = extract(network, batch, ["recipe_weight_spread:weight_spread"])
    assert np.isfinite(table.column("weight_spread")).any()


def test_the_space_is_one_file_of_at_most_60_lines():
    assert len(RECIPES["plain_cnns"].splitlines()) <= 60


def test_the_space_offers_what_every_space_does():
    built = space()
    first = built.architectures()[0]
    assert isinstance(built, Space)
    assert len(built.architectures()) == 102
    assert set(built.neighbours(first)) >= {built.mutate(first, Random(0))}
    assert built.cost(first).parameters == sum(p.numel() for p in built.build(first).parameters())


def test_the_space_refuses_what_is_none():
    for wrong in ("depth:9-width:8-kernel:3-norm:batch", "depth:1-width:8-kernel:1-norm:batch"):
        with pytest.raises(ValueError, match="should read"):
            space().canonical(wrong)


def test_commands_work_on_the_space_from_outside(tmp_path):
    common = {"space": "recipe_plain_cnns:PlainCNNs", "architectures": 4, "data": "digits"}
    frame = label(**common, out=str(tmp_path / "t.csv"), epochs=1, seeds=1, jobs=1)
    store = extract_many(**common, out=str(tmp_path / "f"), statistics=["snip"], jobs=1)
    assert set(frame.architecture) == set(store.architectures())


def test_the_loss_prefers_the_right_order():
    loss = plugins.build("losses", {"name": "recipe_hinge:Hinge", "margin": 0.5})
    scores = torch.tensor([0.0, 1.0, 2.0])
    assert loss(scores, scores) < loss(scores, scores.flip(0))
    assert loss(scores, torch.zeros(3)) == 0


def test_the_proxy_and_the_aggregation_score_networks():
    built = space()
    opened = open_proxy("recipe_worst_rank:worst_rank(recipe_snip_per_weight:snip_per_weight,params)")
    batch = torch.randn(6, 1, 4, 4), torch.arange(6) % 3
    tables = [extract(built.build(name), batch, opened.statistics) for name in built.architectures()[:8]]
    scores, _ = opened.predict(tables)
    assert opened.statistics == ("snip",)
    assert scores.min() == 1
    assert 1 < scores.max() <= 8


def test_the_acquisition_prefers_what_could_be_best():
    acquisition = plugins.build(
        "acquisitions", {"name": "recipe_upper_confidence:UpperConfidence", "confidence": 2.0}
    )

    class Pool:
        def belief(self):
            return Belief(np.array([0.0, 1.0, 0.5]), np.diag([4.0, 0.01, 0.01]), 0.1)

    assert acquisition(Pool(), 2, np.random.default_rng(0)).tolist() == [0, 1]


def test_the_competitor_ranks_by_its_neighbours():
    competitor = plugins.build("competitors", {"name": "recipe_nearest:Nearest", "neighbours": 2})
    place = np.arange(20.0)
    names = [str(row) for row in range(20)]
    candidates = Candidates(names, names, columns={"place": place})
    competitor.fit(candidates, np.arange(0, 20, 2), place[::2], seed=0)
    scores, _ = competitor.predict(candidates)
    assert isinstance(competitor, Competitor)
    assert (np.diff(scores) >= 0).all()
