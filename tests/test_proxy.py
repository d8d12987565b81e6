import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import parzc
from parzc import plugins
from parzc.encoding import Encoding
from parzc.probing.extract import extract
from parzc.proxy import ParametricProxy, open_proxy
from parzc.training_free import network_value
from tests.proxies_to_load import STATISTICS, batch, network, proxy, tables


def test_a_network_has_the_score_of_its_table():
    torch.manual_seed(3)
    net = network()
    mean, _ = proxy().predict([extract(net, batch())])
    assert proxy()(net, batch()) == pytest.approx(float(mean[0]), abs=1e-6)


def test_the_network_is_left_as_it_was():
    net = network()
    before = copy.deepcopy(net.state_dict())
    proxy()(net, batch())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_only_what_the_encoding_reads_is_extracted(monkeypatch: pytest.MonkeyPatch):
    asked = []

    def watched(*arguments, **options):
        asked.append(arguments[2])
        return extract(*arguments, **options)

    monkeypatch.setattr("parzc.proxy.extract", watched)
    proxy()(network(), batch())
    assert asked == [STATISTICS]


def test_tables_are_read_as_in_training(monkeypatch: pytest.MonkeyPatch):
    options = {}
    monkeypatch.setattr("parzc.proxy.extract", lambda *_, **given: options.update(given) or tables()[0])
    learned = proxy()
    learned.metadata |= {"blocks": ["0", "2"], "compat": "original"}
    learned(network(), batch(), second_batch=batch(2))
    assert options["blocks"] == ["0", "2"]
    assert options["compat"] == "original"
    assert len(options["second_batch"][0]) == 2


@pytest.mark.parametrize(
    "made", [open_proxy, lambda name: open_proxy(f"rank_sum({name})").reference(tables(8, ("zico",)))]
)
def test_a_second_batch_is_compared_with_the_first(made):
    torch.manual_seed(0)
    net, opened = network(width=5), made("zico")
    other = (torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))
    table = extract(net, batch(), ["zico"], second_batch=other)
    assert opened(net, batch(), second_batch=other) == pytest.approx(opened.predict([table])[0][0])
    if made is open_proxy:
        assert opened(net, batch()) != opened(net, batch(), second_batch=other)


def test_statistics_from_outside_keep_their_full_name():
    learned = proxy()
    learned.metadata["statistics"] = ["mylab.stats.snip", "l2_norm"]
    assert learned.statistics == ("mylab.stats.snip", "l2_norm")


def test_the_mean_is_that_of_the_members_at_the_posterior_mean():
    learned = proxy()
    with torch.no_grad():
        members = learned.predictor(learned.encoding(tables()))
    assert np.allclose(learned.predict(tables())[0], members.mean(0))


def test_predictions_are_the_same_for_every_call_and_leave_the_random_state():
    learned, state = proxy(), torch.get_rng_state()
    first, second = learned.predict(tables()), learned.predict(tables())
    torch.set_rng_state(state)
    learned.predict([])
    assert torch.equal(torch.get_rng_state(), state)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_standard_deviation_is_positive_and_does_not_depend_on_company():
    together = proxy().predict(tables())[1]
    alone = [proxy().predict([table])[1][0] for table in tables()]
    assert (together > 0).all()
    assert np.allclose(together, alone, rtol=1e-4)


def test_scores_are_those_of_predict(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("parzc.proxy._CHUNK", 3)
    assert np.allclose(proxy().score(tables()), proxy().predict(tables())[0], rtol=1e-6)


class _FirstFeature(torch.nn.Module):
    def forward(self, encoding: Encoding) -> torch.Tensor:
        return encoding.values[None, :, 0, 0]


def test_a_predictor_without_distribution_has_no_deviation():
    learned = proxy()
    learned.predictor = _FirstFeature()
    assert (learned.predict(tables())[1] == 0).all()


def test_no_tables_give_no_scores():
    assert [len(column) for column in (*proxy().predict([]), proxy().score([]))] == [0, 0, 0]


@pytest.mark.parametrize("name", ["snip", "flops", "synflow"])
def test_a_training_free_proxy_opens_by_name(name: str):
    opened = open_proxy(name)
    net, formula = network(), plugins.load("proxies", name)
    table = extract(net, batch(), opened.statistics)
    assert opened(net, batch()) == pytest.approx(formula(table))
    mean, sd = opened.predict([table, table])
    assert mean.tolist() == pytest.approx([formula(table)] * 2)
    assert sd.tolist() == [0, 0]


def test_flops_are_those_of_weights_as_benchmarks_count_them():
    torch.manual_seed(0)
    pooled = torch.nn.Sequential(torch.nn.AvgPool2d(2), network())
    table = extract(pooled, batch(), ["l2_norm"])
    assert table.nodes[0].flops > 0
    expected = 4 * 27 * 16 + 4 * 36 * 16 + 3 * 4
    assert open_proxy("flops").predict([table])[0].tolist() == [expected]


def test_a_value_of_the_network_that_is_not_there_is_named():
    with pytest.raises(LookupError, match="no value 'naswot' of the network; it has parameters"):
        network_value(tables()[0], "naswot")
    assert network_value(tables()[0], "parameters") > 0


def test_a_misspelt_name_is_answered_with_the_list():
    with pytest.raises(
        plugins.UnknownPluginError, match=r"did you mean 'snip'.*A learned proxy is a file \*\.parzc"
    ):
        open_proxy("snipp")


def test_a_proxy_is_opened_as_it_is():
    learned = proxy()
    assert open_proxy(learned) is learned


def test_the_public_names_exist():
    assert {"extract", "Table", "ParametricProxy", "load_proxy", "find_measures", "__version__"} <= set(
        parzc.__all__
    )
    assert all(hasattr(parzc, name) for name in parzc.__all__)


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'hydra', 'pytorch_lightning', 'pandas', 'matplotlib'}"
    assert _run(f"import sys, parzc; print(sorted({heavy} & set(sys.modules)))") == "[]\n"


def test_loading_and_scoring_need_none_of_the_training_libraries(tmp_path: Path):
    proxy().save(tmp_path / "a.parzc")
    torch.manual_seed(5)
    net = network()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    program = """
import importlib.abc, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {
            "pytorch_lightning", "hydra", "omegaconf", "matplotlib", "pandas", "pyarrow", "sklearn"
        }:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Block())
import torch, parzc
torch.set_num_threads(1)
from tests.proxies_to_load import batch, network
net = network()
net.load_state_dict(torch.load(sys.argv[2]))
print(repr(parzc.load_proxy(sys.argv[1])(net, batch())))
"""
    there = float(_run(program, str(tmp_path / "a.parzc"), str(tmp_path / "net.pt")))
    assert there == pytest.approx(proxy()(net, batch()), abs=1e-6)


def test_an_aligned_proxy_scores_networks_of_names_it_never_saw():
    encoding = plugins.build("encodings", {"name": "aligned", "features": [*STATISTICS, "weights"]})
    encoding.fit(tables())
    learned = proxy()
    predictor = plugins.build("predictors", "linear", length=encoding.length, channels=encoding.channels)
    aligned = ParametricProxy(encoding, predictor, learned.metadata)
    torch.manual_seed(4)
    net = network(width=5, depth=3)
    known, foreign = aligned(net, batch()), aligned(torch.nn.Sequential(net), batch())
    assert np.isfinite(foreign)
    assert foreign == pytest.approx(known, rel=1e-4)  # the same depths, so the same positions
