"""The checker of limits finds what it should."""

import graphlib
import re

import grimp
import pytest

from tests import limits


def findings(code: str) -> str:
    return "\n".join(
        message for _, message in [*limits.check_text(code), *limits.check_code(code, public=True)]
    )


DOCUMENTED = '"""Module."""\n'


def function_of(lines: int) -> str:
    return DOCUMENTED + 'def f():\n    """Say.\n\n    More.\n    """\n' + "    x = 1\n" * (lines - 1)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\n" * 301, "file of 301 lines"),
        (function_of(41), "f has 41 lines"),
        (function_of(40).replace("f():", "f(*, a, b):") + "    y = 1\n", "f has 41 lines"),
        (function_of(40).replace("f():", "f(\n    a,\n    b,\n):"), "f has 43 lines"),
        (DOCUMENTED + "def _f(a, b, c, d, e, f, g): ...", "7 positional"),
        (DOCUMENTED + "def _f():\n    global x", "`global`"),
        (DOCUMENTED + "try:\n    pass\nexcept:\n    pass", "catches everything"),
        (DOCUMENTED + "try:\n    pass\nexcept (ValueError, Exception):\n    pass", "catches Exception"),
        ("x = 1", "module has no docstring"),
        (DOCUMENTED + "class A:\n    def b(self): ...", "A has no docstring"),
        (DOCUMENTED + 'class A:\n    """A."""\n    def b(self): ...', "b has no docstring"),
        (DOCUMENTED + "# TO" + "DO later", "should be an issue"),
        (DOCUMENTED + "x = '/ho" + "me/me/x'", "path of one machine"),
    ],
)
def test_breaking_a_limit_is_found(code, message):
    assert message in findings(code)


@pytest.mark.parametrize(
    "code",
    [
        function_of(40),
        function_of(40).replace("f():", "f(\n    *,\n    a,\n    b,\n):").replace("    x = 1\n" * 3, "", 1),
        DOCUMENTED + "def _f(self, a, b, c, d, e, f): ...",
        DOCUMENTED + "def _f(*, a, b, c, d, e, f, g): ...",
        DOCUMENTED + "try:\n    pass\nexcept ValueError:\n    pass",
        DOCUMENTED + "def _private(): ...",
        DOCUMENTED + "x = 'docs/home/x'",
        "",
    ],
)
def test_keeping_the_limits_is_fine(code):
    assert findings(code) == ""


def test_a_file_of_leftovers_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "ROOT", tmp_path)
    file = tmp_path / "utils.py"
    file.write_text('"""Leftovers."""\n')
    assert any(re.search(r"utils\.py:1: a helper", line) for line in limits.check_file(file))


def test_the_repository_keeps_its_limits():
    lines: list[str] = []
    assert limits.main(lines.append) == 0, "\n".join(lines)


def test_no_module_imports_itself_by_a_detour():
    graph = grimp.build_graph("parzc", cache_dir=None, exclude_type_checking_imports=True)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert list(graphlib.TopologicalSorter(imports).static_order())
