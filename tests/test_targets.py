"""Reading and writing accuracies."""

from pathlib import Path

import pandas as pd
import pytest

from parzc.targets import read_targets, write_targets

SHARED = Path(__file__).parents[1] / "../shared"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "targets.csv"
    path.write_text("architecture,accuracy,note,count\na,0.5,x,1000\nb,0.25,y,3\nc,,z,4\n")
    return path


def test_reads_a_column_in_the_order_asked_for(file: Path) -> None:
    assert list(read_targets(file, "accuracy", ["b", "a"]).items()) == [("b", 0.25), ("a", 0.5)]


def test_missing_values_and_unknown_architectures_are_dropped(file: Path) -> None:
    assert read_targets(file, "accuracy", ["a", "c", "unheard"]) == {"a": 0.5}


def test_percent_becomes_a_fraction_by_the_whole_column(tmp_path: Path) -> None:
    path = tmp_path / "percent.csv"
    path.write_text("architecture,accuracy\na,0.5\nb,90\n")
    assert read_targets(path, "accuracy", ["a"]) == {"a": 0.005}


def test_key_is_the_column_that_shares_most_values(tmp_path: Path) -> None:
    path = tmp_path / "foreign.csv"
    path.write_text("index,arch_str,name,acc\n0,a,a,0.5\n1,b,x,0.6\n")
    assert read_targets(path, "acc", ["a", "b"]) == {"a": 0.5, "b": 0.6}


def test_architectures_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "digits.csv"
    path.write_text("architecture,acc\n007,0.5\nNaN,0.6\n")
    assert read_targets(path, "acc", ["007", "NaN"]) == {"007": 0.5, "NaN": 0.6}


def test_wrong_column_lists_the_columns(file: Path) -> None:
    with pytest.raises(LookupError, match="architecture, accuracy, note, count"):
        read_targets(file, "acuracy", ["a"])


@pytest.mark.parametrize(("column", "found"), [("note", "'x'"), ("count", "1000")])
def test_a_column_without_accuracies_is_refused(file: Path, column: str, found: str) -> None:
    with pytest.raises(ValueError, match=found):
        read_targets(file, column, ["a"])


@pytest.mark.parametrize("architectures", [["other"], ["c"], []])
def test_targets_without_overlap_are_refused(file: Path, architectures: list[str]) -> None:
    with pytest.raises(ValueError, match="overlap"):
        read_targets(file, "accuracy", architectures)


def test_an_architecture_with_two_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("architecture,acc\na,0.5\na,0.6\n")
    with pytest.raises(ValueError, match="'a' more than once"):
        read_targets(path, "acc", ["a"])


def test_no_file_and_no_csv_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="targets"):
        read_targets(tmp_path / "none.csv", "acc", ["a"])
    (tmp_path / "empty.csv").touch()
    (tmp_path / "torn.csv.gz").write_bytes(b"\x1f\x8bnonsense")
    for name in ("empty.csv", "torn.csv.gz"):
        with pytest.raises(ValueError, match="CSV"):
            read_targets(tmp_path / name, "acc", ["a"])


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_round_trip_and_same_bytes(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({"architecture": ["|a~0|", "b,c"], "accuracy": [1 / 3, 0.5]})
    write_targets(tmp_path / "1" / name, frame)
    write_targets(tmp_path / "2" / name, frame)
    assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    read = read_targets(tmp_path / "1" / name, "accuracy", ["|a~0|", "b,c"])
    assert read == pytest.approx({"|a~0|": 1 / 3, "b,c": 0.5}, abs=1e-6)


def test_frame_without_architectures_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'architecture'"):
        write_targets(tmp_path / "a.csv", pd.DataFrame({"accuracy": [1.0]}))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not SHARED.exists(), reason="needs the reference data")
def test_reads_the_benchmark_file_as_it_is() -> None:
    cell = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    targets = read_targets(SHARED / "data/nasbench201.csv.gz", "cifar10_valid", [cell])
    assert targets == pytest.approx({cell: 0.8198267})
