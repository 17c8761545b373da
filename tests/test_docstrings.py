"""Every name of the reference says what it takes, gives and raises, and has an example."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pipelines
import tcn

ROOT = Path(pipelines.__file__).resolve().parent.parent
ENTRY = re.compile(r"^::: ([\w.]+)\n((?:[ ]{4}.*\n|\n)*)", re.MULTILINE)


def entries() -> Iterator[tuple[str, Any]]:
    """Names of the reference with what they stand for; of a module, its members."""
    for package in (tcn, pipelines):
        for name in package.__all__:
            yield f"{package.__name__}.{name}", getattr(package, name)
    for page in sorted((ROOT / "docs" / "api").glob("*.md")):
        for path, options in ENTRY.findall(page.read_text(encoding="utf-8")):
            if path.startswith("pipelines.sktime"):  # it needs an extra
                continue
            found = resolve(path)
            if not inspect.ismodule(found):
                yield path, found
                continue
            named = re.search(r"members:\s*(?:\[([^\]]*)\]|((?:\s*- \w+\n)+))", options)
            members = re.findall(r"\w+", named[1] or named[2]) if named else getattr(found, "__all__", [])
            for name in members:
                yield f"{path}.{name}", getattr(found, name)


def resolve(path: str) -> Any:
    """What a dotted path stands for."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f"{path} is no name")


PUBLIC = {
    found: path
    for path, found in reversed([*entries()])
    if (inspect.isclass(found) or inspect.isfunction(found))
    and (found.__module__ or "").split(".")[0] in ("tcn", "pipelines")
}


def lacking(path: str, function: Any, example: bool) -> Iterator[str]:
    """Sections that the docstring of a function lacks."""
    text = inspect.getdoc(function)
    if not text:
        yield f"{path}: docstring"
        return
    heads = set(re.findall(r"^(Args|Returns|Yields|Raises|Example|Examples):", text, re.MULTILINE))
    signature = inspect.signature(function)
    asked = [name for name in signature.parameters if name not in ("self", "cls")]
    if asked and "Args" not in heads:
        yield f"{path}: Args"
    body = tree_of(function)
    # What takes nothing and is told in a line that begins with "Return" has said what it returns.
    told = not asked and text.startswith("Return ")
    if gives_something(signature, body) and not told and not heads & {"Returns", "Yields"}:
        yield f"{path}: Returns"
    if raises(body) and "Raises" not in heads:
        yield f"{path}: Raises"
    if example and not heads & {"Example", "Examples"}:
        yield f"{path}: Example"


def tree_of(function: Any) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))


def gives_something(signature: inspect.Signature, body: ast.AST) -> bool:
    if signature.return_annotation is not inspect.Signature.empty:
        return signature.return_annotation not in (None, "None", "NoReturn")
    return any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(body))


def raises(body: ast.AST) -> bool:
    """Whether a function itself raises an error of its callers; what subclasses must write is none."""
    raised = [node.exc for node in ast.walk(body) if isinstance(node, ast.Raise) and node.exc is not None]
    names = [ast.unparse(getattr(error, "func", error)) for error in raised]
    return any(name != "NotImplementedError" for name in names)


def faults_of(path: str, found: Any) -> list[str]:
    if inspect.isfunction(found):
        return [*lacking(path, found, example=True)]
    text = inspect.getdoc(found) or ""
    faults = [] if re.search(r"^Examples?:", text, re.MULTILINE) else [f"{path}: Example"]
    known = {name for base in found.__mro__[1:] for name in vars(base)}
    for name, member in vars(found).items():
        function = getattr(member, "__func__", member)
        if name == "__init__" and inspect.isfunction(function) and not getattr(found, "_is_protocol", False):
            takes = [one for one in inspect.signature(function).parameters if one not in ("self", "kwargs")]
            if takes and not re.search(r"^(Args|Attributes):", text, re.MULTILINE):
                faults.append(f"{path}: Args")
        # What a base class has promised is described there.
        elif not name.startswith("_") and inspect.isfunction(function) and name not in known:
            faults += lacking(f"{path}.{name}", function, example=False)
        elif isinstance(member, property) and not name.startswith("_") and not inspect.getdoc(member):
            faults.append(f"{path}.{name}: docstring")
    return faults


def test_every_public_name_is_described() -> None:
    assert len(PUBLIC) > 200
    faults = [fault for found, path in PUBLIC.items() for fault in faults_of(path, found)]
    assert not faults, f"{len(faults)} of {len(PUBLIC)} names:\n" + "\n".join(sorted(faults))


def test_a_name_without_sections_is_found() -> None:
    def bare(a: int) -> int:
        """Do it."""
        if a:
            raise ValueError("no")
        return a

    assert [one.split(": ")[1] for one in faults_of("bare", bare)] == ["Args", "Returns", "Raises", "Example"]
