"""`parzc transfer`."""

import pytest
import torch

from parzc.commands.transfer import transfer
from parzc.encodings.aligned import Aligned
from parzc.encodings.ranked import Ranked
from parzc.encodings.resampled import Resampled
from parzc.predictors.gaussian_process import GaussianProcess
from parzc.predictors.linear import Linear
from parzc.proxy import ParametricProxy, load_proxy
from tests.tables import as_list, tables, write_store


@pytest.fixture(params=[Aligned, Resampled])
def paths(request, tmp_path):
    features, targets = write_store(tmp_path, tables(40, prefix="blocks"))
    encoding = request.param()
    encoding.fit(as_list(tables(20)))
    torch.manual_seed(0)
    predictor = Linear(length=encoding.length, channels=encoding.channels)
    ParametricProxy(encoding, predictor, {"space": {"name": "first"}}).save(tmp_path / "first.parzc")
    return {
        "proxy": str(tmp_path / "first.parzc"),
        "features": features,
        "out": str(tmp_path / "second.parzc"),
        "targets": targets,
        "target": "accuracy",
    }


def test_without_budget_only_the_scale_changes(paths) -> None:
    transfer(**paths)
    before, after = load_proxy(paths["proxy"]), load_proxy(paths["out"])
    torch.testing.assert_close(after.predictor.state_dict(), before.predictor.state_dict(), rtol=0, atol=0)
    assert not torch.equal(after.encoding.total_scale.mean, before.encoding.total_scale.mean)


def test_without_targets_nothing_is_measured(paths) -> None:
    assert transfer(**(paths | {"targets": None, "target": None})) == {}
    assert load_proxy(paths["out"]).metadata["training"] == []


def test_without_budget_all_targets_are_reported_against(paths) -> None:
    assert transfer(**paths)["n"] == 40


def test_labels_improve_the_order(paths) -> None:
    assert transfer(**paths, budget=20, epochs=60)["kendall_tau"] > transfer(**paths)["kendall_tau"]


def test_new_proxy_knows_where_it_comes_from(paths) -> None:
    transfer(**paths, budget=10, epochs=2)
    metadata = load_proxy(paths["out"]).metadata
    assert metadata["source"]["space"] == {"name": "first"}
    assert metadata["space"] == {"name": "none"}
    assert len(metadata["training"]) == 10


def test_early_stopping_can_be_asked_for(paths) -> None:
    assert transfer(**paths, budget=20, epochs=3, validation=0.3)["n"] == 20


def test_same_seed_same_proxy(paths, tmp_path) -> None:
    transfer(**paths, budget=10, epochs=3)
    transfer(**(paths | {"out": str(tmp_path / "third.parzc")}), budget=10, epochs=3)
    first, second = load_proxy(paths["out"]), load_proxy(tmp_path / "third.parzc")
    torch.testing.assert_close(first.predictor.state_dict(), second.predictor.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("missing", [{"targets": None}, {"target": None}, {"targets": None, "target": None}])
def test_a_budget_needs_targets(paths, missing) -> None:
    with pytest.raises(ValueError, match="a budget needs targets"):
        transfer(**(paths | missing), budget=5)


def test_targets_condition_a_gaussian_process(paths, tmp_path) -> None:
    encoding = Ranked()
    encoding.fit(as_list(tables(20)))
    prior = GaussianProcess(length=encoding.length, channels=encoding.channels)
    ParametricProxy(encoding, prior, {}).save(tmp_path / "prior.parzc")
    transfer(**(paths | {"proxy": str(tmp_path / "prior.parzc")}), budget=10)
    after = load_proxy(paths["out"]).predictor
    assert len(after.scores) == 10
    torch.testing.assert_close(dict(after.named_parameters()), dict(prior.named_parameters()))
