"""Values of the public zero-cost-nas and ZiCo code on fixed weights."""

import math

import numpy as np
import pytest

from parzc.measures import find_measures
from parzc.probing.table import Table
from tests.golden.extraction import DEAR, Compat, extracted
from tests.golden.reference import (
    BATCHES,
    NAMES,
    data,
    every_batch,
    every_compat,
    every_network,
    needed,
    network,
    node_names,
    published,
)

MEASURES = ("grad_norm", "snip", "grasp", "fisher", "jacob_cov", "plain", "synflow_bn", "synflow", "l2_norm")
SIGNED = ("plain", "grasp")
TOLERANCE = {"synflow_bn": 1e-7}

pytestmark = needed


def _measures(name: str, compat: Compat) -> list[str]:
    if compat:
        return [each for each in MEASURES if each not in DEAR]
    # over tokens the original takes tokens for channels; ours are channels
    return [each for each in MEASURES if (name, each) != ("vit_tiny", "fisher")]


def _slack(values: dict[str, np.ndarray], measure: str) -> np.ndarray:
    return 1e-9 * values[f"{measure}.abssum"] if measure in SIGNED else np.zeros(1)


def _node_values(table: Table, measure: str, nodes: list[str]) -> np.ndarray:
    rows = {node.name: row for row, node in enumerate(table.nodes) if node.weights}
    column = table.column(measure)
    if measure == "fisher" and "original" not in table.network:
        column = column * table.column("weights") / table.column("out_channels")
    return np.array([column[rows[node]] for node in nodes])


@every_compat
@every_batch
@every_network
def test_node_values_are_the_published_ones(name: str, batch: str, compat: Compat):
    values, nodes, table = (
        published("zcn", name, batch),
        node_names(name),
        extracted(name, batch, compat).table,
    )
    assert {node.name for node in table.nodes if node.weights} == set(nodes)
    for measure in _measures(name, compat):
        if measure != "jacob_cov":
            expected = values[f"{measure}.sum"]
            difference = np.abs(_node_values(table, measure, nodes) - expected)
            limit = _slack(values, measure) + TOLERANCE.get(measure, 1e-9) * np.abs(expected)
            assert (difference <= limit).all(), measure


@every_compat
@every_batch
@every_network
def test_scores_are_the_published_ones(name: str, batch: str, compat: Compat):
    values, found = published("zcn", name, batch), extracted(name, batch, compat)
    for measure in _measures(name, compat):
        expected = pytest.approx(
            float(values[f"{measure}.scalar"]),
            rel=TOLERANCE.get(measure, 1e-9),
            abs=float(_slack(values, measure).sum()),
            nan_ok=True,
        )
        assert found.score(measure) == expected, measure


def test_signs_and_sizes_of_the_elements_add_up():
    for name in NAMES:
        for batch in BATCHES:
            values = published("zcn", name, batch)
            snip = _node_values(extracted(name, batch, None).table, "snip", node_names(name))
            np.testing.assert_allclose(snip, values["plain.abssum"], rtol=1e-9)


@every_batch
@every_network
def test_zico_is_the_published_one(name: str, batch: str):
    values, found = published("other", name, batch), extracted(name, batch, None)
    nodes = _node_values(found.table, "zico", node_names(name))
    np.testing.assert_allclose(nodes, values["zico.layers_log"], rtol=1e-6)
    assert found.score("zico") == pytest.approx(float(values["zico"]), rel=1e-6)


@every_batch
def test_find_measures_gives_the_published_scores(batch: str):
    first, second, values = data("nb1_best", batch), data("nb1_best", f"{batch}_b"), {}
    for folder in ("zcn", "other"):
        values |= published(folder, "nb1_best", batch)
    expected = {measure: float(values[f"{measure}.scalar"]) for measure in MEASURES}
    expected |= {"zico": float(values["zico"]), "naswot": float(values["naswot"])}
    scores = find_measures(
        network("nb1_best"),
        [first, second],
        ("random", 1, 10),
        "cpu",
        measure_names=list(expected),
        compat="original",
    )
    assert scores == pytest.approx(expected, rel=1e-6, abs=1e-9 * float(values["plain.abssum"].sum()))


def test_a_network_without_a_live_cell_has_no_correlation_and_no_flow():
    found = extracted("nb1_none", "noise", None)
    assert found.score("synflow") == 0
    assert math.isnan(found.score("jacob_cov"))
