"""Any network gives a complete table: architectures from the `transformers` package, and odd ones."""

import importlib.util
import os
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parzc import plugins
from parzc.probing.activations import is_activation
from parzc.probing.extract import DEFAULT_STATISTICS, extract
from parzc.probing.table import Table
from tests.zoo import ODD, ZOO, batch, build, drawn

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is downloaded
needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None,
    reason="the transformers package is not installed: pip install 'parzc[dev]'",
)
every_network = pytest.mark.parametrize(
    "name", [*(pytest.param(name, marks=needs_transformers) for name in ZOO), *ODD]
)


def network_and_batch(name: str) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    if name in ODD:
        return drawn(ODD[name].make()), batch(ODD[name].shape, ODD[name].vocabulary)
    import transformers

    return build(name, transformers), batch(ZOO[name].shape, ZOO[name].vocabulary)


@cache
def table(name: str) -> Table:
    return extract(*network_and_batch(name), plugins.available("statistics"))


def test_there_are_twelve_architectures_and_three_odd_ones() -> None:
    assert len(ZOO) >= 12
    assert len(ODD) >= 3


@every_network
def test_default_statistics_are_finite_on_every_weighted_node(name: str) -> None:
    read = table(name)
    weighted = [row for row, node in enumerate(read.nodes) if node.weights]
    assert len(weighted) > 3
    for statistic in DEFAULT_STATISTICS:
        column = read.column(statistic)
        assert [read.nodes[row].name for row in weighted if not np.isfinite(column[row])] == [], statistic


@every_network
def test_what_is_missing_has_a_reason(name: str) -> None:
    read = table(name)
    words = (ODD[name] if name in ODD else ZOO[name]).vocabulary > 0
    dead = {node.name for node in read.nodes if not node.alive}
    blocks = [node for node in read.nodes if node.kind == "block"]
    resized = {after.name for before, after in pairwise(blocks) if before.spatial != after.spatial}
    turned = {"wav2vec2.encoder.layers.0.layer_norm:input"}  # from here on channels come last
    few = {node.name for node in read.nodes if node.kind == "activation" and node.spatial == 1}
    once = {node.name for node in read.nodes if "position_bias" in node.name}  # the same for all inputs
    reasons = {
        "zico": dead,  # a gradient of zero does not vary
        "trainability": resized | turned,  # no whole ratio of sizes, or another number of tokens
        "zen": {"network"} if words else set(),  # token numbers cannot be changed slightly
        "activation_pattern": few | once,  # with few channels two inputs may well have the same pattern
        "grad_sign": once,
    }
    unexplained = [
        (node, statistic) for node, statistic in read.missing if node not in reasons.get(statistic, ())
    ]
    assert unexplained == []


@every_network
def test_every_uncovered_parameter_has_a_reason(name: str) -> None:
    reasons = (ODD[name] if name in ODD else ZOO[name]).uncovered
    network, _ = network_and_batch(name)
    matrices = [parameter for parameter, tensor in network.named_parameters() if tensor.dim() > 1]
    expected = [parameter for parameter in matrices if parameter.endswith(tuple(reasons))]
    assert sorted(table(name).uncovered) == sorted(expected)
    for reason in reasons:
        assert any(parameter.endswith(reason) for parameter in expected), reason


@every_network
def test_blocks_are_found(name: str) -> None:
    read = table(name)
    blocks = [row for row, node in enumerate(read.nodes) if node.kind == "block"]
    assert len(blocks) == (ODD[name] if name in ODD else ZOO[name]).blocks
    assert np.isfinite(read.column("expressivity")[blocks]).all()


@needs_transformers
@pytest.mark.parametrize("name", ["vit", "swin", "resnet", "mobilevit", "segformer"])
def test_gradients_are_those_of_plain_autograd(name: str) -> None:
    network, (inputs, labels) = network_and_batch(name)
    network, inputs = network.double().train(), inputs.double()
    read = extract(network, (inputs, labels), ("grad_norm", "snip"))
    torch.manual_seed(0)  # as a probe does, for the same dropout
    F.cross_entropy(network(inputs).logits, labels).backward()
    for node, (norm, saliency) in zip(read.nodes, read.values, strict=True):
        if node.weights:
            weight = network.get_parameter(f"{node.name}.weight")
            assert norm == pytest.approx(weight.grad.norm().item(), rel=1e-9, abs=1e-15)
            assert saliency == pytest.approx((weight * weight.grad).abs().sum().item(), rel=1e-9, abs=1e-15)


@needs_transformers
@pytest.mark.parametrize("name", ["gelu", "gelu_new", "quick_gelu", "relu2", "silu", "mish", "tanh", "relu6"])
def test_activations_of_transformers_are_known(name: str) -> None:
    from transformers.activations import ACT2FN

    assert is_activation(ACT2FN[name])
    assert not is_activation(ACT2FN["linear"])
