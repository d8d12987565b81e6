"""Values of whole networks, probes included, against plain autograd."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import grad

from parzc.probing import draws
from parzc.probing.extract import extract
from parzc.probing.table import Table
from tests.nodes import noise

LABELS = torch.tensor([0, 1, 2, 3, 1])
INPUTS = noise(5, 3, 8, 8)


def _network(*, norm: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    layers = (
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4) if norm else nn.Identity(),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, bias=False),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )
    return nn.Sequential(*layers).double()


def _read(*statistics: str, norm: bool = False) -> Table:
    return extract(_network(norm=norm), (INPUTS, LABELS), statistics)


def _rows(tensors: list[Tensor], outputs: Tensor) -> np.ndarray:
    """Differentiate each sample's output by itself."""
    rows = [grad(each, tensors, retain_graph=True) for each in outputs]
    return np.stack([torch.cat([g.flatten() for g in row]).numpy() for row in rows])


def test_the_tangent_kernel_is_that_of_the_samples_own_logits():
    network = _network()
    own = network(INPUTS).gather(1, LABELS[:, None])[:, 0]
    rows = _rows(list(network.parameters()), own)
    found = _read("ntk_trace", "ntk_condition").network
    assert found["ntk_trace"] == pytest.approx(np.sqrt(np.trace(rows @ rows.T) / 5), rel=1e-9)
    assert found["ntk_condition"] == pytest.approx(np.linalg.cond(rows @ rows.T), rel=1e-6)


@pytest.mark.parametrize("norm", [False, True])
def test_the_te_nas_kernel_is_that_of_the_samples_summed_logits(norm: bool):
    network = _network(norm=norm)
    weights = [p for name, p in network.named_parameters() if "weight" in name]
    rows = _rows(weights, network(INPUTS).sum(1))
    kernel = rows @ rows.T
    assert _read("te_nas_ntk", norm=norm).network["te_nas_ntk"] == pytest.approx(
        np.linalg.cond(kernel), rel=1e-6
    )


def test_grad_sign_counts_the_samples_that_agree():
    network = _network()
    weights = [network[0].weight, network[3].weight, network[7].weight]
    losses = F.cross_entropy(network(INPUTS), LABELS, reduction="none")
    agreement = np.abs(np.sign(_rows(weights, losses)).sum(0)).sum()
    assert _read("grad_sign").total("grad_sign") == pytest.approx(agreement)


@pytest.mark.parametrize("norm", [False, True])
def test_jacob_cov_correlates_the_inputs_gradients(norm: bool):
    x = INPUTS.clone().requires_grad_()
    (gradient,) = grad(_network(norm=norm)(x).sum(), x)
    v = np.linalg.eigvalsh(np.corrcoef(gradient.flatten(1).numpy())) + 1e-5
    found = _read("jacob_cov", norm=norm).network["jacob_cov"]
    assert found == pytest.approx(-(np.log(v) + 1 / v).sum(), rel=1e-9)


def test_naswot_and_linear_regions_read_the_inputs_of_activations():
    network = _network()
    first = network[:2](INPUTS)
    patterns = torch.cat([t.flatten(1) > 0 for t in (first, network[3](first.relu()))], 1).double().numpy()
    kernel = patterns @ patterns.T + (1 - patterns) @ (1 - patterns).T
    found = _read("naswot", "linear_regions", "activation_pattern")
    assert found.network["naswot"] == pytest.approx(np.linalg.slogdet(kernel)[1], rel=1e-9)
    assert found.network["linear_regions"] == len({tuple(row) for row in patterns.tolist()})
    assert [node.name for node in found.nodes if node.kind == "activation"] == ["2", "4"]


def test_blocks_are_read_between_the_taps():
    network, taps = _network(norm=True), ["0", "2", "4"]
    table = extract(network, (INPUTS, LABELS), ["expressivity", "trainability"], blocks=taps)
    rows = [row for row, node in enumerate(table.nodes) if node.kind == "block"]
    features = [network[0](INPUTS)]
    for layers in (network[1:3], network[3:4]):
        features.append(layers(features[-1].detach().requires_grad_()))
    features[-1] = features[-1].relu()
    entropies = [_entropy(feature.detach()) for feature in features]
    np.testing.assert_allclose(table.column("expressivity")[rows], entropies, rtol=1e-9)
    assert np.isnan(table.column("trainability")[rows[0]])
    for index, layers in ((1, network[1:3]), (2, nn.Sequential(network[3], nn.ReLU()))):
        before = features[index - 1].detach().requires_grad_()
        after = layers(before)
        signs = draws.rademacher(index, after.shape, after)
        (gradient,) = grad(after, before, signs)
        stacked = F.pixel_unshuffle(gradient, gradient.shape[-1] // signs.shape[-1])
        left, right = (t.movedim(1, -1).flatten(0, -2).numpy() for t in (stacked, signs))
        sigma = np.linalg.norm(left.T @ right / len(right), 2)
        expected = -sigma - 1 / (sigma + 1e-6) + 2
        assert table.column("trainability")[rows[index]] == pytest.approx(expected, rel=1e-9)


def _entropy(feature: Tensor) -> float:
    rows = feature.movedim(1, -1).flatten(0, -2).numpy()
    share = np.linalg.eigvalsh(np.cov(rows, rowvar=False, ddof=0))
    share = share / share.sum()
    return float(-(share * np.log(share + 1e-8)).sum())


def test_zen_compares_two_forward_passes():
    network = _network(norm=True).train()
    disturbed = INPUTS + 0.01 * draws.standard_normal(INPUTS.shape, INPUTS)
    first, second = (network[:5](x).detach() for x in (INPUTS, disturbed))
    change = float((first - second).abs().sum((1, 2, 3)).mean())
    normalised = float(network[1].running_var.mean().sqrt())
    expected = math.log(change) + math.log(normalised)
    assert _read("zen", norm=True).network["zen"] == pytest.approx(expected, rel=1e-9)


def test_synflow_bn_normalises_one_image_of_ones():
    network = copy.deepcopy(_network(norm=True))
    for parameter in network.parameters():
        parameter.data.abs_()
    weights = [network[0].weight, network[3].weight, network[7].weight]
    gradients = grad(network(torch.ones_like(INPUTS[:1])).sum(), weights)
    expected = [float((w.detach() * g).abs().sum()) for w, g in zip(weights, gradients, strict=True)]
    table = _read("synflow_bn", norm=True)
    weighted = [row for row, node in enumerate(table.nodes) if node.weights]
    np.testing.assert_allclose(table.column("synflow_bn")[weighted], expected, rtol=1e-9)


def test_dss_multiplies_nuclear_norms_inside_attention():
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
            self.head = nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.attention(x, x, x, need_weights=False)[0].mean(1))

    torch.manual_seed(0)
    network = Tokens().double()
    table = extract(network, (noise(5, 7, 6), LABELS), ["dss"])
    absolute = copy.deepcopy(network)
    for parameter in absolute.parameters():
        parameter.data.abs_()
    weights = [absolute.attention.in_proj_weight, absolute.attention.out_proj.weight, absolute.head.weight]
    gradients = grad(absolute(torch.ones(1, 7, 6, dtype=torch.float64)).sum(), weights)
    nuclear = [
        float(w.detach().norm(p="nuc") * g.norm(p="nuc")) for w, g in zip(weights, gradients, strict=True)
    ]
    expected = [*nuclear[:2], float((weights[2].detach() * gradients[2]).abs().sum())]
    np.testing.assert_allclose(table.column("dss"), expected, rtol=1e-9)
