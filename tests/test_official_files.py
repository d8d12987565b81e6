"""Official benchmark files, in tiny files of the same layout."""

import bz2
import json
import pickle
import tarfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parzc.importers.nats_bench import import_nats_bench
from parzc.importers.nds import import_nds
from parzc.importers.suite_zero import import_suite_zero
from parzc.plain_pickle import read_plain_pickle
from parzc.spaces.darts import DARTS
from parzc.spaces.nasbench101 import NASBench101

CELLS = (
    "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
)


class Harmful:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def run_of(epochs: int, **accuracies: float) -> dict[str, Any]:
    last = epochs - 1
    return {
        "name": "infer.tiny",
        "epochs": epochs,
        "params": np.float64(0.1),
        "eval_names": list(accuracies),
        "eval_acc1es": {
            f"{part}@{epoch}": value for part, value in accuracies.items() for epoch in (0, last)
        },
    }


def results(epochs: int, seeds: dict[tuple[str, int], dict[str, float]]) -> dict[str, Any]:
    runs = {key: run_of(epochs, **accuracies) for key, accuracies in seeds.items()}
    return {"arch_index": 0, "dataset_seed": {}, "all_results": OrderedDict(runs), "clear_net_done": True}


LONG = {
    ("cifar10-valid", 777): {"x-valid": 80.0, "ori-test": 1.0},
    ("cifar10-valid", 888): {"x-valid": 90.0, "ori-test": 1.0},
    ("cifar10", 777): {"ori-test": 94.0},
    ("cifar100", 777): {"x-valid": 70.0, "x-test": 71.0, "ori-test": 1.0},
}
SHORT = {("cifar10-valid", 777): {"x-valid": 50.0}}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Make a folder with the files of two cells, results of the first only."""
    folder = tmp_path / "NATS-tss-simple"
    folder.mkdir()
    contents = {
        "meta": {"meta_archs": list(CELLS)},
        "000000": {"12": results(12, SHORT), "200": results(200, LONG)},
    }
    for name, content in contents.items():
        (folder / f"{name}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(content, protocol=4)))
    return folder


def test_nats_bench_means_over_seeds_at_the_end_of_training(archive: Path) -> None:
    expected = {
        "architecture": [CELLS[0]],
        "cifar10_valid": [0.85],
        "cifar10_test": [0.94],
        "cifar100_valid": [0.70],
        "cifar100_test": [0.71],
        "cifar10_valid_12ep": [0.5],
    }
    found = import_nats_bench(archive).to_dict("list")
    assert found.pop("architecture") == expected.pop("architecture")
    assert list(found) == list(expected)
    assert all(found[column] == pytest.approx(values) for column, values in expected.items())


def test_nats_bench_is_the_same_packed(archive: Path) -> None:
    packed = archive.with_suffix(".tar")
    with tarfile.open(packed, "w") as tar:
        tar.add(archive, archive.name)
    assert import_nats_bench(packed).equals(import_nats_bench(archive))


def test_nats_bench_without_its_list_is_refused(archive: Path) -> None:
    (archive / "meta.pickle.pbz2").unlink()
    with pytest.raises(ValueError, match="meta.pickle.pbz2 .* found 0 names and 1 files"):
        import_nats_bench(archive)


def test_nats_bench_in_one_file_is_refused(archive: Path) -> None:
    with pytest.raises(ValueError, match="-simple.tar"):
        import_nats_bench(archive / "meta.pickle.pbz2")


def test_nats_bench_of_another_layout_says_where(archive: Path) -> None:
    (archive / "000001.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps({"200": {}})))
    with pytest.raises(ValueError, match="in 000001: KeyError.'all_results'"):
        import_nats_bench(archive)


def test_a_pickle_cannot_run_code(tmp_path: Path) -> None:
    harmful = pickle.dumps({"a": Harmful(tmp_path / "trace")})
    with pytest.raises(ValueError, match="names .*, which might run code"):
        read_plain_pickle(harmful)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_numpy_numbers_become_plain_ones(protocol: int) -> None:
    found = read_plain_pickle(pickle.dumps([np.float64(0.1), np.int32(7), {2.5}], protocol=protocol))
    assert found == [0.1, 7, {2.5}]
    assert type(found[0]) is float


def nds_network(edge: str = "sep_conv_3x3", width: int = 16, error: float = 10.0) -> dict[str, Any]:
    genotype = {
        "normal": [[edge, 0], ["none", 1], ["skip_connect", 2], ["max_pool_3x3", 0]],
        "normal_concat": [2, 3],
        "reduce": [["dil_conv_3x3", 0], ["skip_connect", 1]],
        "reduce_concat": [2],
    }
    net = {"genotype": genotype, "width": width, "depth": 8, "aux": True}
    return {"net": net, "test_ep_top1": [90.0, error], "rng_seed": 1}


def nds_file(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "DARTS.json"
    path.write_text(json.dumps(content))
    return path


def test_nds_errors_become_accuracies_of_genotypes(tmp_path: Path) -> None:
    again, other = nds_network(error=20.0), nds_network("sep_conv_5x5")
    frame = import_nds(nds_file(tmp_path, [nds_network(), again, other]))
    assert frame["test"].tolist() == pytest.approx([0.85, 0.9])
    assert all(DARTS().canonical(name) for name in frame["architecture"])
    assert frame["architecture"][0] == (
        "Genotype(normal=[('sep_conv_3x3', 0), ('none', 1), ('skip_connect', 2), ('max_pool_3x3', 0)],"
        " normal_concat=[2, 3], reduce=[('dil_conv_3x3', 0), ('skip_connect', 1)], reduce_concat=[2])"
    )


def test_nds_of_several_sizes_is_to_be_narrowed_down(tmp_path: Path) -> None:
    path = nds_file(tmp_path, {"top": [nds_network(width=32)], "mid": [nds_network(), nds_network()]})
    with pytest.raises(ValueError, match=r"found 2 sizes; the file has 16x8 \(2\), 32x8 \(1\)\."):
        import_nds(path)
    assert import_nds(path, width=32)["test"].tolist() == pytest.approx([0.9])


@pytest.mark.parametrize("content", [[], {"a": 1}, [{"net": {"width": 3, "depth": 3}}], "text"])
def test_nds_of_another_layout_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(ValueError, match="DARTS.json should"):
        import_nds(nds_file(tmp_path, content))


def test_suite_zero_says_which_accuracy_it_is(tmp_path: Path) -> None:
    path = tmp_path / "zc_nasbench201.json"
    scores = {"snip": {"score": 1.0, "time": 2.0}}
    tables = {
        name: {"(2, 1, 4, 0, 3, 1)": scores | {"val_accuracy": 93.5}}
        for name in ("cifar10", "ImageNet16-120")
    }
    path.write_text(json.dumps(tables))
    frame = import_suite_zero(path)
    assert frame["architecture"].tolist() == [CELLS[0]]
    assert frame["cifar10_test_one_seed"].tolist() == pytest.approx([0.935])
    assert "imagenet16_test_one_seed" in frame.columns


def test_suite_zero_reads_cells_of_nasbench101(tmp_path: Path) -> None:
    path = tmp_path / "zc_nasbench101.json"
    cell = (0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 2, 1)
    path.write_text(json.dumps({"cifar10": {str(cell): {"val_accuracy": 90.0}}}))
    frame = import_suite_zero(path, space="nasbench101")
    assert frame["architecture"].tolist() == [NASBench101().canonical("0100001000010000:conv3x3-maxpool3x3")]
    assert frame["cifar10_valid_one_seed"].tolist() == pytest.approx([0.9])


@pytest.mark.parametrize("key", ["(2, 1, 4, 0, 3)", "(2, 1, 4, 0, 3, 7)", "|none~0|"])
def test_suite_zero_of_other_keys_is_refused(tmp_path: Path, key: str) -> None:
    path = tmp_path / "zc_nasbench201.json"
    path.write_text(json.dumps({"cifar10": {key: {"val_accuracy": 93.5}}}))
    with pytest.raises(ValueError, match="val_accuracy by data set and architecture of nasbench201"):
        import_suite_zero(path)
