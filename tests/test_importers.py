"""Benchmarks' own files, in tiny files of the same layout."""

from pathlib import Path

import pandas as pd
import pytest

from parzc.cell_graph import Cell
from parzc.commands.targets_import import targets_import
from parzc.importers.csv import import_csv
from parzc.importers.nasbench101_cells import import_cells
from parzc.importers.vitbench101 import import_vitbench101
from parzc.targets import read_targets

SHARED = Path(__file__).parents[1] / "../shared"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="needs the reference data")

TABLE = "cell,valid,test,size\n007,50,0.5,2.5\nNaN,60,,1000\n"
AUTOFORMER = (
    "arch_hidden_dim,arch_mlp_ratio,arch_depth,arch_num_heads,c100_base_acc,c100_kd_acc\n"
    '192,"[3.5, 4.0]",2,"[3, 4]",68.5,76.25\n'
)
PIT = (
    'arch_base_dim,arch_mlp_ratio,arch_depth,arch_num_heads,flower_kd_acc\n16,6,"[2, 8, 4]","[2, 4, 4]",59\n'
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def test_csv_columns_become_fractions_each_in_its_unit(table: Path) -> None:
    frame = import_csv(table, key="cell", columns=["valid", "test"])
    assert frame["architecture"].tolist() == ["007", "NaN"]
    assert frame["valid"].tolist() == [0.5, 0.6]
    assert frame["test"].fillna(-1).tolist() == [0.5, -1]


def test_csv_unit_can_be_said(table: Path) -> None:
    assert import_csv(table, key="cell", columns=["test"], unit="percent")["test"][0] == 0.005
    with pytest.raises(ValueError, match="from 0 to 1, found 50 to 60"):
        import_csv(table, key="cell", columns=["valid"], unit="fraction")


def test_csv_without_columns_takes_all_and_refuses_what_is_no_accuracy(table: Path) -> None:
    with pytest.raises(ValueError, match="'size' .* found 2.5 to 1000"):
        import_csv(table, key="cell")


@pytest.mark.parametrize("options", [{}, {"key": "cell", "columns": ["vaild"]}])
def test_csv_of_other_columns_is_answered_with_what_there_is(table: Path, options: dict[str, object]) -> None:
    with pytest.raises(LookupError, match="it has cell, valid, test, size"):
        import_csv(table, **options)


@pytest.mark.parametrize(
    ("text", "name", "column"),
    [
        (AUTOFORMER, '{"hidden_dim":192,"depth":2,"mlp_ratio":[3.5,4.0],"num_heads":[3,4]}', "c100_kd"),
        (PIT, '{"base_dim":16,"mlp_ratio":6,"depth":[2,8,4],"num_heads":[2,4,4]}', "flower_kd"),
    ],
)
def test_vitbench101_rows_become_configurations(tmp_path: Path, text: str, name: str, column: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    frame = import_vitbench101(tmp_path / "a.csv")
    assert frame["architecture"].tolist() == [name]
    assert frame[column].tolist() == [float(text.strip().rpartition(",")[2]) / 100]


@pytest.mark.parametrize(
    ("text", "message"), [(TABLE, "it has cell"), (PIT.replace("[2, 8", "[2 8"), "should be JSON")]
)
def test_vitbench101_of_another_layout_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        import_vitbench101(tmp_path / "a.csv")


@needs_shared
@pytest.mark.parametrize("space", ["autoformer", "pit"])
def test_vitbench101_as_it_is(space: str) -> None:
    frame = import_vitbench101(SHARED / f"data/vitbench101_{space}.csv.gz")
    assert frame["architecture"].nunique() == 100
    assert frame["c100_kd"].between(0.5, 0.8).all()


def test_the_command_writes_targets_that_can_be_read(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = table.with_name("targets.csv")
    options = {"name": "csv", "key": "cell", "columns": ["valid", "test"]}
    targets_import(format=options, file=str(table), out=str(out))
    assert read_targets(out, "valid", ["007", "NaN"]) == {"007": 0.5, "NaN": 0.6}
    assert out.with_name("targets.csv.run.json").exists()
    said = capsys.readouterr().out
    assert "2 architectures" in said
    assert "test: 0.5000 to 0.5000, missing for 1" in said


def test_the_command_checks_names_with_the_space(table: Path) -> None:
    options = {"name": "csv", "key": "cell", "columns": ["valid"]}
    with pytest.raises(ValueError, match="should read .*'007'"):
        targets_import(format=options, file=str(table), out=str(table.with_name("a.csv")), space="digits_vit")
    assert not table.with_name("a.csv").exists()


def test_the_command_without_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none.csv"):
        targets_import(format="csv", file=str(tmp_path / "none.csv"), out=str(tmp_path / "a.csv"))


@needs_shared
def test_cells_of_nasbench201_are_read_by_its_space(tmp_path: Path) -> None:
    frame = targets_import(
        format={"name": "csv", "key": "arch_str", "columns": ["cifar10_valid", "cifar10_test"]},
        file=str(SHARED / "data/nasbench201.csv.gz"),
        out=str(tmp_path / "a.csv"),
        space="nasbench201",
    )
    assert len(frame) == 15_625
    assert isinstance(frame, pd.DataFrame)


def cells_table(tmp_path: Path, key: str, digits: str) -> Path:
    path = tmp_path / "cells.csv"
    path.write_text(f"hash,adjacency,ops,valid_acc,params\n{key},0100001000010000,{digits},0.9,7\n")
    return path


def test_cells_of_nasbench101_get_the_notation_of_its_space(tmp_path: Path) -> None:
    cell = Cell(("conv3x3", "maxpool3x3"), frozenset({(0, 1), (1, 2), (2, 3)}))
    frame = import_cells(cells_table(tmp_path, cell.fingerprint(), "02"))
    assert frame.to_dict("list") == {"architecture": [cell.write()], "valid_acc": [0.9]}


@pytest.mark.parametrize(("digits", "message"), [("20", "should have the hash"), ("x1", "conv1x1")])
def test_cells_of_nasbench101_are_checked(tmp_path: Path, digits: str, message: str) -> None:
    cell = Cell(("conv3x3", "maxpool3x3"), frozenset({(0, 1), (1, 2), (2, 3)}))
    with pytest.raises(ValueError, match=message):
        import_cells(cells_table(tmp_path, cell.fingerprint(), digits))


def test_cells_of_nasbench101_without_its_columns_are_refused(table: Path) -> None:
    with pytest.raises(ValueError, match="hash, adjacency, ops .* it has cell"):
        import_cells(table)
