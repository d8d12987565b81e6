"""Which modules count as activations."""

import pytest
from torch import nn

from parzc.probing.activations import ACTIVATIONS, is_activation


def test_all_element_wise_non_linearities_of_torch_are_known() -> None:
    exported = {getattr(nn.modules.activation, name) for name in nn.modules.activation.__all__}
    others = {nn.GLU, nn.MultiheadAttention, nn.Softmax, nn.Softmax2d, nn.Softmin, nn.LogSoftmax}
    assert {kind for kind in exported if issubclass(kind, ACTIVATIONS)} == exported - others


@pytest.mark.parametrize("name", ["GELUActivation", "QuickGELU", "HardSwish", "Swish", "ReLU6", "LearnedELU"])
def test_activations_of_other_packages_are_known_by_name(name: str) -> None:
    assert is_activation(type(name, (nn.Module,), {})())


@pytest.mark.parametrize("name", ["LinearActivation", "Identity", "ReLUConvBN", "Block", "Activations"])
def test_other_names_are_not(name: str) -> None:
    assert not is_activation(type(name, (nn.Module,), {})())


def test_a_module_with_parts_or_weights_is_not_whatever_its_name() -> None:
    class ConvActivation(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU()

    class WeightedActivation(nn.Linear):
        """A gate with a weight matrix."""

    assert not is_activation(ConvActivation())
    assert not is_activation(WeightedActivation(2, 2))
    assert is_activation(nn.PReLU(3))
