"""Check the limits that keep the code small and honest.

Run as a script, it lists what breaks a limit in the repository and exits with 1 if anything does.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("parzc", "tests", "benchmarks", "notebooks", "docs", "conf", "data", ".ci")
MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS = 300, 40, 6
BANNED_NAMES = {"utils.py", "util.py", "common.py", "helpers.py", "base.py", "misc.py"}
TEXT = {".py", ".yaml", ".yml", ".md", ".toml", ".txt", ".sh", ".cfg"}
# Written in pieces, so that this file passes its own check.
_TODO = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
_MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|work|Users|tmp|opt|mnt)/\w")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Finding = tuple[int, str]


def check_text(text: str) -> Iterator[Finding]:
    """Find unfinished business and paths of one machine in any text file."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := _TODO.search(line):
            yield number, f"{found[0]} should be an issue"
        if found := _MACHINE_PATH.search(line):
            yield number, f"a path of one machine: {found[0]}…"


def check_code(text: str, *, public: bool) -> Iterator[Finding]:
    """Find what breaks a limit in one Python file; docstrings are asked of `public` files only."""
    lines = len(text.splitlines())
    if lines > MAX_FILE:
        yield 1, f"file of {lines} lines, at most {MAX_FILE}"
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for check in (_long_function, _many_parameters, _global, _broad_except):
            yield from check(node)
    if public and text.strip():
        yield from _undocumented(tree, "module")


def _long_function(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, Function) and (length := _length(node)) > MAX_FUNCTION:
        yield node.lineno, f"{node.name} has {length} lines without its docstring, at most {MAX_FUNCTION}"


def _length(function: Function) -> int:
    """Count lines without docstring and keyword-only parameters, which are a schema (ADR 0002)."""
    lines = set(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    if ast.get_docstring(function) is not None:
        lines -= _lines_of(function.body[0])
    head = range(function.lineno, function.body[0].lineno)
    for parameter in function.args.kwonlyargs:
        lines -= _lines_of(parameter) & set(head[1:])
    return len(lines)


def _lines_of(node: ast.stmt | ast.arg) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def _many_parameters(node: ast.AST) -> Iterator[Finding]:
    """Count positional parameters: keyword-only ones are a schema, named at every call (ADR 0002)."""
    if isinstance(node, Function):
        names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
        count = len([name for name in names if name not in ("self", "cls")])
        if count > MAX_PARAMETERS:
            yield node.lineno, f"{node.name} has {count} positional parameters, at most {MAX_PARAMETERS}"


def _global(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.Global):
        yield node.lineno, "`global` hides state"


def _broad_except(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.ExceptHandler):
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        names = {ast.unparse(kind) if kind else "everything" for kind in caught}
        for name in names & {"everything", "Exception", "BaseException"}:
            yield node.lineno, f"`except` catches {name}; name what can happen"


def _undocumented(node: ast.Module | ast.ClassDef, what: str) -> Iterator[Finding]:
    if ast.get_docstring(node) is None:
        yield getattr(node, "lineno", 1), f"{what} has no docstring"
    for child in node.body:
        if not isinstance(child, Function | ast.ClassDef) or child.name.startswith("_"):
            continue
        if isinstance(child, ast.ClassDef):
            yield from _undocumented(child, child.name)
        elif ast.get_docstring(child) is None and not _is_documented_elsewhere(child):
            yield child.lineno, f"{child.name} has no docstring"


def _is_documented_elsewhere(function: Function) -> bool:
    """Setters and overloads are documented where the thing they belong to is."""
    decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
    return any(text.endswith((".setter", "overload", "override")) for text in decorators)


def check_file(path: Path) -> list[str]:
    """List what breaks a limit in one file of the repository."""
    inside = path.relative_to(ROOT)
    findings: list[Finding] = []
    if path.name in BANNED_NAMES:
        findings.append((1, "a helper lives beside its caller, not in a file of this name"))
    text = path.read_text(encoding="utf-8")
    findings += check_text(text)
    if path.suffix == ".py":
        findings += check_code(text, public=inside.parts[0] == "parzc")
    return [f"{inside}:{line}: {message}" for line, message in sorted(findings)]


def repository_files() -> Iterator[Path]:
    """List the text files that are ours."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in TEXT and "__pycache__" not in path.parts:
                yield path
    for pattern in ("*.md", "*.toml", "*.txt", "Makefile"):
        yield from sorted(ROOT.glob(pattern))


def main(show: Callable[[str], None] = print) -> int:
    """Check the repository and return the exit status."""
    findings = [finding for path in repository_files() for finding in check_file(path)]
    for finding in findings:
        show(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
