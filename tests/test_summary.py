"""Means, paired comparisons, calibration and the page."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from parzc.evaluation.calibration import calibration
from parzc.evaluation.page import write_page
from parzc.evaluation.plots import learning_curves
from parzc.evaluation.summary import TableOf, as_text, compare, summarise


def results(**taus) -> pd.DataFrame:
    rows = [
        {"track": "t", "competitor": name, "budget": 8, "seed": seed, "part": "held_out", "kendall_tau": tau}
        for name, values in taus.items()
        for seed, tau in enumerate(values)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8214, ".821"), (-0.05, "-.050"), (10.03, "10.0"), (1234.5, "1234"), (5.0321, "5.032")],
)
def test_numbers_are_short(value, text) -> None:
    assert as_text(value) == text


def test_a_table_has_mean_and_deviation_of_seeds() -> None:
    table = summarise(results(a=[0.1, 0.2, 0.3], b=[0.5, 0.5, 0.5]), "t", "kendall_tau", "held_out")
    assert table.header == ["competitor", "8"]
    assert table.rows == [["a", ".200 ± .100"], ["b", ".500 ± .000"]]


def test_what_nobody_has_gives_no_table() -> None:
    assert summarise(results(a=[0.1]), "t", "nll", "held_out") is None


def test_differences_are_paired_and_corrected() -> None:
    random = np.random.default_rng(0)
    base = random.normal(0.7, 0.1, 10)
    better, same = base + 0.02 + random.normal(0, 0.01, 10), base + random.normal(0, 0.01, 10)
    table = compare(results(ours=base, better=better, same=same), "t", "ours")
    p_better, p_same = (stats.ttest_rel(values, base).pvalue for values in (better, same))
    (first, second) = table.rows
    assert first[1].endswith(f"p {as_text(2 * p_better) if 2 * p_better >= 0.001 else '< .001'}")
    assert second[1].endswith(f"p {as_text(max(p_same, 2 * p_better))}")
    low, high = stats.ttest_rel(better, base).confidence_interval()
    assert first[1].startswith(f"{as_text((better - base).mean())} ± {as_text((high - low) / 2)},")


def test_one_seed_is_no_comparison() -> None:
    assert compare(results(a=[0.1], b=[0.2]), "t", "a") is None


@pytest.fixture
def predictions():
    random = np.random.default_rng(1)
    known = np.linspace(0, 1, 1001)
    targets = random.random(20000)
    truth = (targets - 0.5) * 12**0.5
    sd = random.uniform(0.1, 0.5, len(truth))
    return targets, known, truth + sd * random.normal(size=len(truth)), sd


def test_honest_deviations_cover_what_they_should(predictions) -> None:
    targets, known, scores, sd = predictions
    assert calibration(scores, sd, targets, known=known)["coverage_90"] == pytest.approx(0.9, abs=0.01)


def test_quantiles_of_ranks_are_judged_as_such(predictions) -> None:
    targets, known, _, sd = predictions
    scores = stats.norm.ppf(targets) + sd * np.random.default_rng(2).normal(size=len(targets))
    found = calibration(scores, sd, targets, known=known, normal=True)
    assert found["coverage_90"] == pytest.approx(0.9, abs=0.01)
    assert found["nll"] < calibration(scores, sd, targets, known=known)["nll"]


def test_overconfidence_costs_coverage_and_likelihood(predictions) -> None:
    targets, known, scores, sd = predictions
    honest, bold = (calibration(scores, spread, targets, known=known) for spread in (sd, sd / 3))
    assert bold["coverage_90"] < honest["coverage_90"] - 0.2
    assert bold["nll"] > honest["nll"] + 1


def test_the_certain_half_ranks_better(predictions) -> None:
    targets, known, scores, sd = predictions
    whole = stats.kendalltau(scores, targets).statistic
    assert calibration(scores, sd, targets, known=known)["tau_certain_half"] > whole + 0.03


def test_a_page_escapes_what_it_shows(tmp_path) -> None:
    table = TableOf("a < b", ["<i>"], [["&"]])
    write_page(tmp_path / "p.html", "T", tables=[table], pictures=[], settings='{"x": "<b>"}')
    page = (tmp_path / "p.html").read_text()
    assert "a &lt; b" in page
    assert "<td>&amp;</td>" in page
    assert "<i>" not in page
    assert "<b>" not in page


def test_learning_curves_are_drawn(tmp_path) -> None:
    learning_curves(tmp_path / "curves.png", results(a=[0.1, 0.2], b=[0.3]))
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
