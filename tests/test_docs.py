"""The documentation says what is so: its code runs, its commands exist, its links lead somewhere."""

import contextlib
import importlib.util
import io
import json
import re
import shlex
from pathlib import Path

import pytest
import typer.main

import pipelines
import pipelines.plan
from pipelines.cli import app

ROOT = Path(pipelines.__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Pages with trainings of so few steps that XLA would take longer to compile them.
EAGER = {
    "README.md",
    "docs/first-forecast.md",
    "docs/concepts/reproducibility.md",
    *(
        f"docs/how-to/{page}.md"
        for page in (
            "covariates",
            "fine-tuning",
            "from-keras-tcn",
            "interoperation",
            "intervals",
            "larger-than-memory",
            "mlflow",
            "predict-anywhere",
            "serve",
            "similar-series",
            "tune",
        )
    ),
    *(f"docs/networks/{page}.md" for page in ("ensembles", "heads", "index", "scaling", "transfer")),
    *(f"docs/how-to/from-{library}.md" for library in ("darts", "neuralforecast")),
    *(
        f"docs/tutorials/{page}.md"
        for page in (
            "covariates",
            "explaining",
            "many-series",
            "streaming",
            "transfer-learning",
            "tune-register-serve",
        )
    ),
}
# Pages with programs of many seconds.
LONG = {
    *(
        f"docs/how-to/{page}.md"
        for page in ("anomalies", "backtesting", "intervals", "larger-than-memory", "mlflow", "serve", "tune")
    ),
    *(
        f"docs/networks/{page}.md"
        for page in (
            "classification",
            "ensembles",
            "gallery",
            "heads",
            "inspection",
            "specification",
            "tcn",
            "transfer",
            "wavenet",
        )
    ),
    "docs/tutorials/explaining.md",
    "docs/tutorials/tune-register-serve.md",
}
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)(?:#[^)]*)?\)")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def blocks_of(page):
    """Language and content of each fenced block, in order."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


def program_of(page):
    """The blocks that run: of a page that is a notebook, too, those of its cells."""
    notebook = ROOT / "docs" / "notebooks" / f"{page.stem}.ipynb"
    has_one = page.parent.name == "tutorials" or page.name == "first-forecast.md"
    if not has_one or not notebook.is_file():
        return blocks_of(page)
    blocks = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        blocks += [("python", text)] if cell["cell_type"] == "code" else FENCE.findall(f"{text}\n")
    return blocks


def having(language):
    return [page for page in PAGES if any(found == language for found, _ in blocks_of(page))]


def having_own_code():
    """One page for each program: some pages repeat that of another."""
    programs = {}
    for page in having("python"):
        program = tuple(content for language, content in blocks_of(page) if language in ("python", "text"))
        programs.setdefault(program, page)
    return list(programs.values())


@pytest.fixture
def eagerly():
    """Called, lets TensorFlow compute without compiling for the rest of the test."""
    import tensorflow as tf

    yield lambda: tf.config.run_functions_eagerly(True)
    tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.long] * (name_of(page) in LONG), id=name_of(page))
        for page in having_own_code()
    ],
)
@pytest.mark.filterwarnings("ignore:Even though the .* option is set:UserWarning")  # of eager pages
@pytest.mark.usefixtures("quick_stores")
def test_code_runs_and_prints_what_the_page_says(page, tmp_path, monkeypatch, eagerly):
    monkeypatch.chdir(tmp_path)
    if name_of(page) in EAGER:
        eagerly()
    # Exports have tests of their own, and take as long as a small fit.
    monkeypatch.setattr("pipelines.network.can_export_onnx", lambda: False)
    monkeypatch.setattr(pipelines.plan, "_PRESETS", dict.fromkeys(pipelines.plan._PRESETS, (1, 0.05)))
    monkeypatch.setattr(pipelines.plan, "_LONGEST_FIELD", 8)  # few blocks, which take less time to compile
    namespace, printed = {}, None
    for number, (language, content) in enumerate(program_of(page)):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(compile(content, f"{name_of(page)}, block {number}", "exec"), namespace)
            printed = stream.getvalue()
        elif language == "text" and printed is not None:
            assert content.split() == printed.split()
            printed = None


def commands_of(page):
    """Arguments of every ``tcn`` command in the console blocks of a page."""
    lines = (
        line
        for language, content in blocks_of(page)
        if language == "console"
        for line in content.splitlines()
    )
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("tcn ")]


@pytest.mark.parametrize("page", [page for page in PAGES if commands_of(page)], ids=name_of)
def test_commands_are_understood(page):
    group = typer.main.get_command(app)
    for arguments in commands_of(page):
        name, command, rest = "tcn", group, list(arguments)
        with contextlib.ExitStack() as stack:
            context = None
            while hasattr(command, "commands"):
                context = stack.enter_context(command.make_context(name, rest, parent=context))
                name, command, rest = command.resolve_command(
                    context, [*context._protected_args, *context.args]
                )
                assert name in arguments[:2]
            named = {option.name for option in command.params if {*option.opts} & {*rest}}
            understood = command.make_context(name, rest, parent=context)
        assert not understood.args
        assert all(understood.get_parameter_source(option).name == "COMMANDLINE" for option in named)


@pytest.mark.parametrize("page", having("console"), ids=name_of)
def test_targets_of_make_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(content for language, content in blocks_of(page) if language == "console")
    assert set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    docs = ROOT / "docs"
    assert all(page.relative_to(docs).as_posix() in navigation for page in docs.rglob("*.md"))


def test_every_decision_is_in_the_list():
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "index.md").read_text()
    assert all(f"({page.name})" in listed for page in folder.glob("0*.md"))


def test_drawings_are_those_of_the_code(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")  # where it finds what it draws with
    spec = importlib.util.spec_from_file_location("make_drawings", ROOT / "docs" / "make_drawings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, draw in module.DRAWINGS.items():
        assert (ROOT / "docs" / "assets" / name).read_text(encoding="utf-8") == draw(), name
