import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from parzc.proxy import load_proxy
from parzc.proxy_file import ProxyFile, read_proxy_file, write_proxy_file
from parzc.spaces.nasbench201 import NASBench201
from tests.proxies_to_load import proxy, tables


@pytest.fixture
def path(tmp_path: Path) -> Path:
    proxy().save(tmp_path / "a.parzc")
    return tmp_path / "a.parzc"


class _Malicious:
    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.witness),)


def _rewrite(path: Path, **changes: Any) -> None:
    content = torch.load(path, weights_only=True)
    torch.save(content | changes, path)


def _rewrite_metadata(path: Path, part: str, **changes: Any) -> None:
    content = read_proxy_file(path)
    metadata = content.metadata | {part: content.metadata[part] | changes}
    write_proxy_file(path, ProxyFile(metadata, content.encoding, content.predictor))


def test_loading_gives_the_same_scores(path: Path):
    for before, after in zip(proxy().predict(tables()), load_proxy(path).predict(tables()), strict=True):
        assert np.array_equal(before, after)


def test_metadata_survive(path: Path):
    loaded = load_proxy(path).metadata
    assert loaded["training"] == ["a", "b"]
    assert loaded["encoding"]["name"] == "resampled"
    assert loaded["predictor"]["name"] == "mabn"


def test_saving_twice_gives_the_same_bytes(path: Path, tmp_path: Path):
    load_proxy(path).save(tmp_path / "other name.parzc")
    assert (tmp_path / "other name.parzc").read_bytes() == path.read_bytes()


def test_the_file_holds_tensors_and_plain_values_only(path: Path):
    content = torch.load(path, weights_only=True)
    assert set(content) == {"format", "metadata", "encoding", "predictor"}
    assert isinstance(content["metadata"], torch.Tensor)
    assert all(
        isinstance(value, torch.Tensor)
        for part in ("encoding", "predictor")
        for value in content[part].values()
    )


def test_metadata_as_text_are_read_too(path: Path):
    loaded = load_proxy(path)
    _rewrite(path, metadata=json.dumps(loaded.content().metadata))
    assert load_proxy(path).metadata == loaded.metadata


def test_names_of_thousands_of_architectures_take_little_room(path: Path):
    learned = load_proxy(path)
    before = path.stat().st_size
    learned.metadata["training"] = NASBench201().sample(5000, 0)
    learned.save(path)
    assert path.stat().st_size - before < 100_000


def test_metadata_that_are_no_plain_values_are_not_written(tmp_path: Path):
    learned = proxy()
    learned.metadata["secret"] = object()
    with pytest.raises(TypeError, match="not JSON serializable"):
        learned.save(tmp_path / "b.parzc")
    assert list(tmp_path.iterdir()) == []


def test_a_pickled_object_inside_is_refused_and_not_executed(path: Path, tmp_path: Path):
    _rewrite(path, metadata=_Malicious(tmp_path / "executed"))
    with pytest.raises(ValueError, match=r"a\.parzc holds a pickled object, which was refused"):
        load_proxy(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_bare_pickle_is_refused_and_not_executed(tmp_path: Path, protocol: int):
    bad = tmp_path / "bad.parzc"
    bad.write_bytes(pickle.dumps(_Malicious(tmp_path / "executed"), protocol=protocol))
    with pytest.raises(ValueError, match="should be a proxy file"):
        load_proxy(bad)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("part", [0.01, 0.3, 0.6, 0.99])
def test_a_truncated_file_is_refused(path: Path, part: float):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(ValueError, match="is truncated; copy or make it again"):
        load_proxy(path)


def test_a_damaged_tensor_is_refused(path: Path):
    with zipfile.ZipFile(path) as archive:
        entry = max(archive.infolist(), key=lambda info: info.file_size)
    content = bytearray(path.read_bytes())
    middle = entry.header_offset + 200 + entry.file_size // 2
    content[middle] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        load_proxy(path)


@pytest.mark.parametrize("content", [b"", b"architecture,score\n", b"PK\x05\x06" + bytes(18), b"PK\x03\x04"])
def test_another_file_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "other.parzc").write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.parzc (should be a proxy file|is truncated)"):
        load_proxy(tmp_path / "other.parzc")


def test_another_archive_is_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "other.parzc", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match="should be a proxy file"):
        load_proxy(tmp_path / "other.parzc")


def test_any_other_file_of_torch_is_refused(tmp_path: Path):
    torch.save({"state_dict": {}}, tmp_path / "model.ckpt")
    with pytest.raises(ValueError, match="should be a proxy file"):
        load_proxy(tmp_path / "model.ckpt")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"none\.parzc should be a proxy file"):
        load_proxy(tmp_path / "none.parzc")


def test_another_format_is_refused(path: Path):
    _rewrite(path, format=2)
    with pytest.raises(ValueError, match="should have format 1, got 2"):
        load_proxy(path)


@pytest.mark.parametrize(
    "changes", [{"metadata": "{"}, {"metadata": "[]"}, {"encoding": [1]}, {"more": 1}, {"metadata": "{}"}]
)
def test_content_that_cannot_be_understood_is_refused(path: Path, changes: dict[str, Any]):
    _rewrite(path, **changes)
    with pytest.raises(ValueError, match="is damaged"):
        load_proxy(path)


@pytest.mark.parametrize("changes", [{"positions": 5}, {"colour": "red"}, {"positions": -1}])
def test_parts_that_do_not_fit_the_weights_are_refused(path: Path, changes: dict[str, Any]):
    _rewrite_metadata(path, "encoding", **changes)
    with pytest.raises(ValueError, match="does not fit this version of parzc"):
        load_proxy(path)


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that leaves a trace when it is imported."""
    lines = (
        "from pathlib import Path",
        f"Path({str(tmp_path / 'imported')!r}).touch()",
        "from parzc.encodings.resampled import Resampled as Mine",
        "from parzc.statistics.snip import snip as mine",
    )
    (tmp_path / "mylab_foreign.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "imported"


def test_a_plug_in_from_outside_is_refused_without_importing_it(path: Path, foreign: Path):
    _rewrite_metadata(path, "encoding", name="mylab_foreign:Mine")
    with pytest.raises(ValueError, match="'mylab_foreign:Mine', which is not one of the encodings of parzc"):
        load_proxy(path)
    assert not foreign.exists()


@pytest.mark.parametrize("member", ["mylab_foreign:Mine", {"name": "mylab_foreign:Mine"}])
def test_a_plug_in_from_outside_is_refused_as_a_member_too(path: Path, foreign: Path, member):
    _rewrite_metadata(path, "encoding", name="joined", members=["aligned", member])
    with pytest.raises(ValueError, match="'mylab_foreign:Mine', which is not one of the encodings of parzc"):
        load_proxy(path)
    assert not foreign.exists()


def test_a_statistic_from_outside_is_refused_without_importing_it(path: Path, foreign: Path):
    _rewrite_metadata(path, "encoding", features=["mylab_foreign:mine", "l2_norm", "weights", "kind"])
    with pytest.raises(ValueError, match="'mylab_foreign:mine', which is not one of the statistics"):
        load_proxy(path)
    assert not foreign.exists()


def test_a_plug_in_from_outside_is_loaded_on_demand(path: Path, foreign: Path):
    _rewrite_metadata(path, "encoding", name="mylab_foreign:Mine")
    mean, _ = load_proxy(path, allow_plugins=True).predict(tables())
    assert foreign.exists()
    assert np.array_equal(mean, proxy().predict(tables())[0])
