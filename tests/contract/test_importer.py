"""What every importer promises."""

import inspect
from pathlib import Path
from typing import Any

import pytest

from parzc import plugins
from parzc.schema import options

IMPORTERS = plugins.available("importers")


@pytest.fixture(params=IMPORTERS)
def importer(request: pytest.FixtureRequest) -> Any:
    return plugins.load("importers", request.param)


def test_it_needs_nothing_but_the_file(importer) -> None:
    needed = [name for name, option in options(importer).items() if option.default is option.empty]
    assert needed == ["file"]


def test_it_says_in_a_line_what_the_file_is(importer) -> None:
    first, _, rest = inspect.getdoc(importer).partition("\n")
    assert len(first) <= 72
    assert "Returns:" in rest
    assert "Raises:" in rest


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"\x80\x04\x95nonsense", b"{}", b"a,b\n1,2\n"])
def test_a_file_of_another_layout_is_refused_by_its_name(importer, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.file"
    path.write_bytes(content)
    with pytest.raises((ValueError, LookupError), match="wrong.file"):
        importer(path)


def test_an_empty_folder_is_refused_by_its_name(importer, tmp_path: Path) -> None:
    folder = tmp_path / "wrong.folder"
    folder.mkdir()
    with pytest.raises((ValueError, OSError), match="wrong.folder"):
        importer(folder)
