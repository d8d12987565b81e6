"""A feature store keeps tables whole, refuses strangers and survives a kill."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from parzc.probing.extract import extract
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from tests.networks_to_probe import Cut, batch, seeded, serial

STATISTICS = ["snip", "synflow", "grad_norm"]
SETTINGS = {"space": {"name": "networks"}, "statistics": STATISTICS, "seed": 0}


def tables() -> dict[Architecture, Table]:
    return {
        Architecture("serial"): extract(seeded(serial()), batch(), STATISTICS),
        Architecture("cut"): extract(seeded(Cut()), batch(), STATISTICS),
    }


def assert_equal(left: Table, right: Table) -> None:
    assert left.nodes == right.nodes
    assert left.statistics == right.statistics
    assert left.network == pytest.approx(dict(right.network), nan_ok=True)
    assert sorted(left.missing) == sorted(right.missing)
    np.testing.assert_array_equal(left.values, right.values)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    store = FeatureStore.create(tmp_path / "features", SETTINGS)
    for item in tables().items():
        store.add([item])
    return store


def test_round_trip(store: FeatureStore) -> None:
    found = FeatureStore.open(store.path).tables()
    assert list(found) == ["cut", "serial"] == store.architectures()
    for name, table in tables().items():
        assert_equal(found[name], table)


def test_missing_values_survive(tmp_path: Path) -> None:
    network = seeded(serial())
    network[2].weight.data[0] = float("nan")
    table = extract(network, batch(), STATISTICS)
    store = FeatureStore.create(tmp_path, SETTINGS)
    store.add([(Architecture("a"), table)])
    assert table.missing
    assert_equal(store.tables()[Architecture("a")], table)


def test_foreign_settings_are_refused_by_name(store: FeatureStore) -> None:
    FeatureStore.create(store.path, SETTINGS)
    with pytest.raises(ValueError, match="seed was 0, now 1"):
        FeatureStore.create(store.path, SETTINGS | {"seed": 1})


def test_classical_proxy_by_pandas_and_duckdb(store: FeatureStore) -> None:
    by_pandas = pd.read_parquet(store.shards()).groupby("architecture", observed=True)["snip"].sum()
    query = f"select architecture, sum(snip) from '{store.path}/*.parquet' group by architecture"
    by_duckdb = dict(duckdb.sql(query).fetchall())
    for name, table in tables().items():
        assert by_pandas[name] == pytest.approx(table.total("snip"), rel=1e-12)
        assert by_duckdb[name] == pytest.approx(table.total("snip"), rel=1e-12)


def test_truncated_shard_is_named(store: FeatureStore) -> None:
    shard = store.shards()[0]
    shard.write_bytes(shard.read_bytes()[:100])
    for read in (store.tables, store.architectures):
        with pytest.raises(ValueError, match=r"shard-000000.parquet is damaged .* delete it"):
            read()


def test_unfinished_file_is_not_read(store: FeatureStore) -> None:
    (store.path / ".shard-000009.1.part.parquet").write_bytes(b"half")
    assert len(store.tables()) == 2


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1}'])
def test_damaged_manifest(store: FeatureStore, content: str) -> None:
    (store.path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=r"manifest.json is damaged"):
        FeatureStore.open(store.path)


def test_other_format(store: FeatureStore) -> None:
    (store.path / "manifest.json").write_text(json.dumps({"format": 99, "settings": SETTINGS}))
    with pytest.raises(ValueError, match="format 1, got 99"):
        FeatureStore.open(store.path)


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="parzc extract"):
        FeatureStore.open(tmp_path)


def test_one_writer_at_a_time(store: FeatureStore) -> None:
    program = (
        "import sys; from parzc.probing.store import FeatureStore; FeatureStore.open(sys.argv[1]).lock()"
    )
    with store.lock():
        other = subprocess.run(
            [sys.executable, "-c", program, str(store.path)], capture_output=True, text=True, check=False
        )
    assert "another process is adding" in other.stderr
