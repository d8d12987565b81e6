"""Constraints."""

from pathlib import Path

import pytest

from parzc.searching.costs import Constraint, Costs, read_latencies
from parzc.spaces.digits_cell import DigitsCell

SPACE = DigitsCell()
CELLS = SPACE.sample(30, 0)
COSTS = Costs(SPACE, {CELLS[0]: 1.5, CELLS[1]: 2.5})


def kept(**bounds: float | None) -> list[str]:
    return [cell for cell in CELLS if Constraint(COSTS, bounds)(cell)]


def test_costs_are_those_of_the_space() -> None:
    cost = SPACE.cost(CELLS[0])
    assert COSTS(CELLS[0]) == {"flops": cost.flops, "parameters": cost.parameters, "latency": 1.5}
    assert "latency" not in COSTS(CELLS[2])


@pytest.mark.parametrize("measure", ["flops", "parameters"])
def test_a_bound_is_the_most_and_min_the_least(measure: str) -> None:
    middle = sorted(COSTS(cell)[measure] for cell in CELLS)[15]
    assert kept(**{measure: middle}) == [cell for cell in CELLS if COSTS(cell)[measure] <= middle]
    assert kept(**{f"min_{measure}": middle}) == [cell for cell in CELLS if COSTS(cell)[measure] >= middle]


def test_all_bounds_hold_at_once() -> None:
    cost = COSTS(CELLS[4])
    only = kept(flops=cost["flops"], min_flops=cost["flops"], parameters=cost["parameters"])
    assert CELLS[4] in only
    assert {COSTS(cell)["flops"] for cell in only} == {cost["flops"]}


def test_what_was_not_measured_is_outside_its_bounds() -> None:
    assert kept(latency=2.0) == [CELLS[0]]
    assert kept(min_latency=2.0) == [CELLS[1]]


def test_without_bounds_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DigitsCell, "cost", None)
    assert Constraint(Costs(SPACE), {"flops": None})(CELLS[0])


def test_latencies_are_read_from_a_table(tmp_path: Path) -> None:
    (tmp_path / "ms.csv").write_text(f"architecture,latency\n{CELLS[0]},1.5\n{CELLS[1]},2\n")
    assert read_latencies(tmp_path / "ms.csv") == {CELLS[0]: 1.5, CELLS[1]: 2.0}


@pytest.mark.parametrize("text", ["architecture,ms\na,1\n", "architecture,latency\na,fast\n"])
def test_tables_without_latencies_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "ms.csv").write_text(text)
    with pytest.raises(ValueError, match="should"):
        read_latencies(tmp_path / "ms.csv")


@pytest.mark.parametrize("bounds", [{"flop": 1.0}, {"max_flops": 1.0}, {"flops": "450M"}])
def test_unknown_bounds_are_refused(bounds: dict) -> None:
    with pytest.raises(ValueError, match="constraint"):
        Constraint(COSTS, bounds)
