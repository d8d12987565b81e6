"""What every predictor promises."""

import inspect
import json

import pytest
import torch

from parzc import plugins
from parzc.encoding import Encoding

LENGTH, CHANNELS = 11, 5


@pytest.fixture(params=plugins.available("predictors"))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def predictor(name):
    """A predictor of three members; one that targets condition in closed form has one, and knows eight."""
    torch.manual_seed(0)
    accepted = inspect.signature(plugins.load("predictors", name)).parameters
    options = {"members": 3} if "members" in accepted else {}
    made = plugins.build("predictors", {"name": name, **options}, length=LENGTH, channels=CHANNELS)
    if hasattr(made, "condition"):
        made.condition(encoded(8), torch.randn(8))
    return made


@pytest.fixture
def ensemble(predictor):
    if hasattr(predictor, "condition"):
        pytest.skip("has no members")
    return predictor


def encoded(count: int = 6) -> Encoding:
    random = torch.Generator().manual_seed(1)
    mask = torch.rand(count, LENGTH, generator=random) > 0.3
    return Encoding(torch.randn(count, LENGTH, CHANNELS, generator=random) * mask[..., None], mask)


def test_every_member_scores_every_table(predictor) -> None:
    rows, columns = predictor.eval()(encoded()).shape
    assert columns == 6
    assert rows == 3 if not hasattr(predictor, "condition") else rows >= 1


def test_evaluation_is_deterministic(predictor) -> None:
    predictor.eval()
    torch.testing.assert_close(predictor(encoded()), predictor(encoded()), rtol=0, atol=0)


def test_training_is_sampled(ensemble) -> None:
    ensemble.train()
    assert not torch.equal(ensemble(encoded()), ensemble(encoded()))


def test_masked_values_do_not_matter(predictor) -> None:
    predictor.eval()
    clean = encoded()
    noisy = Encoding(torch.where(clean.mask[..., None], clean.values, 1e3), clean.mask)
    torch.testing.assert_close(predictor(noisy), predictor(clean), rtol=0, atol=0)


def test_tables_do_not_influence_each_other(predictor) -> None:
    predictor.eval()
    torch.testing.assert_close(predictor(encoded())[:, 2:3], predictor(encoded()[2:3]), rtol=1e-5, atol=1e-5)


def test_order_of_nodes_matters(predictor) -> None:
    predictor.eval()
    whole = encoded()
    turned = Encoding(whole.values.flip(1), whole.mask.flip(1))
    assert not torch.allclose(predictor(turned), predictor(whole), atol=1e-3)


def test_fully_masked_table_has_a_finite_score_and_gradient(predictor) -> None:
    nothing = Encoding(torch.zeros(2, LENGTH, CHANNELS), torch.zeros(2, LENGTH, dtype=torch.bool))
    scores = predictor(nothing)
    assert bool(scores.isfinite().all())
    if scores.requires_grad:
        scores.sum().backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in predictor.parameters())


def test_every_parameter_is_trained(predictor) -> None:
    loss = predictor(encoded()).square().sum()
    if hasattr(predictor, "objective"):
        loss = predictor.objective(encoded(), torch.randn(6))
    trained = {name: p for name, p in predictor.named_parameters() if p.requires_grad}
    if trained:
        (loss + predictor.kl()).backward()
    assert [name for name, p in trained.items() if p.grad is None or not p.grad.any()] == []


def test_members_differ(ensemble) -> None:
    ensemble.eval()
    scores = ensemble(encoded())
    assert not torch.allclose(scores[0], scores[1], atol=1e-3)


def test_samples_spread_around_the_mean(predictor) -> None:
    predictor.eval()
    samples = predictor.sample(encoded(), 50).view(50, -1, 6)
    assert samples.std(0).min().item() > 0
    torch.testing.assert_close(predictor(encoded()), predictor(encoded()), rtol=0, atol=0)


def test_divergence_is_positive(predictor) -> None:
    with torch.no_grad():
        for parameter in predictor.parameters():
            parameter.add_(0.1)
    has_prior = any(parameter.requires_grad for parameter in predictor.parameters())
    assert predictor.kl().item() > 0 if has_prior else predictor.kl().item() == 0


def test_configuration_and_state_rebuild_the_predictor(name, predictor) -> None:
    options = json.loads(json.dumps(predictor.configuration()))
    rebuilt = plugins.build("predictors", {"name": name, **options})
    rebuilt.load_state_dict(predictor.state_dict())
    torch.testing.assert_close(rebuilt.eval()(encoded()), predictor.eval()(encoded()), rtol=0, atol=0)


@pytest.mark.parametrize("length", [1, 2, 40])
def test_any_length_works(name, length) -> None:
    made = plugins.build("predictors", name, length=length, channels=1)
    assert made(Encoding(torch.ones(2, length, 1), torch.ones(2, length, dtype=torch.bool))).shape[1] == 2
