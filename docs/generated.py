"""Markdown that is made from the sources: commands, keys, statistics, kinds, examples.

Each function returns the text, whose links are relative to the page, and the files that
it was made from.
"""

import argparse
import ast
import contextlib
import importlib
import inspect
import io
import json
import os
import re
import runpy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PICTURES = DOCS / "_pictures"  # that examples draw
Made = tuple[str, list[Path]]
KINDS = {  # a package: what its modules are called, and their entry function
    "fernn.data": ("Data", "synthesize"),
    "fernn.data.sources": ("Sources of digits and clips", "fetch"),
    "fernn.data.motions": ("Motions", "build"),
    "fernn.flows": ("Flows", "build"),
    "fernn.cells": ("Cells", "build"),
    "fernn.models": ("Models", "build"),
    "fernn.models.temporal": ("Temporal cells of `comoving` models", "build"),
    "fernn.models.rollouts": ("Roll-outs", "build"),
    "fernn.training.strategies": ("Training strategies", "build"),
    "fernn.training.losses": ("Losses", "loss"),
    "fernn.training.optimisers": ("Optimisers beside those of torch.optim", "build"),
    "fernn.training.schedules": ("Schedules of the learning rate", "factor"),
    "fernn.treatments": ("Treatments of trained models", "treat"),
    "fernn.figures": ("Figures", "draw"),
    "fernn.tables": ("Tables", "tabulate"),
}


def commands() -> Made:
    """The help of every subcommand, as argparse has it."""
    from fernn import cli

    parser = cli.parser()
    (group,) = (
        action
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    parts = []
    for name, sub in group.choices.items():
        sub.formatter_class = _narrow
        parts.append(f"## fernn {name}\n\n```text\n{sub.format_help()}```\n")
    return "\n".join(parts), [*Path(cli.__path__[0]).glob("*.py")]


def _narrow(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, width=79)


def keys() -> Made:
    """Every key of the configuration, from its JSON schema."""
    path = ROOT / "workflow/schemas/config.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    parts = ["### The file\n", _table(schema)]
    for name, part in schema["$defs"].items():
        parts.append(f"### {name}\n\n{part.get('description', '')}\n")
        parts.append(_table(part))
    return "\n".join(parts), [path]


def _table(schema: dict[str, Any]) -> str:
    lines = ["| key | type | default | |", "|---|---|---|---|"]
    needed = schema.get("required", ())
    for name, about in schema.get("properties", {}).items():
        default = f"`{json.dumps(about['default'])}`" if "default" in about else ""
        default = "*needed*" if name in needed else default
        told = _cell(about.get("description", ""))
        lines.append(f"| `{name}` | {_cell(_type(about))} | {default} | {told} |")
    return "\n".join([*lines, ""])


def _type(about: dict[str, Any]) -> str:
    """The type of a value in words, with links to tables of further keys."""
    if "$ref" in about:
        name = about["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in about:
        return " or ".join(map(_type, about["anyOf"]))
    if "enum" in about:
        return ", ".join(f"`{value}`" for value in about["enum"])
    kind = about.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {_type(about.get('items', {}))}"
    inner = [*about.get("patternProperties", {}).values()]
    inner += [about.get("additionalProperties")]
    of = next((each for each in inner if isinstance(each, dict)), None)
    return f"by name: {_type(of)}" if kind == "object" and of else kind + _range(about)


def _range(about: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "gt": ">", "maximum": "≤"}
    told = [f"{sign} {about[key]}" for key, sign in signs.items() if key in about]
    return f" {', '.join(told)}" if told else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def statistics() -> Made:
    """What each statistic measures, with its options, from its docstrings."""
    parts, files = [], []
    for name, module in _modules("fernn.evaluation", "measure"):
        place = module.__name__
        parts.append(
            f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {place}\n\n"
            f".. autofunction:: {place}.measure\n```\n"
        )
        files.append(Path(module.__file__))
    return "\n".join(parts), files


def kinds() -> Made:
    """The modules that the configuration may name, with their options."""
    parts, files = [], []
    for package, (title, entry) in KINDS.items():
        rows = ["| kind | what it is | options |", "|---|---|---|"]
        for name, module in _modules(package, entry):
            told = _markdown((module.__doc__ or "").strip().splitlines()[0])
            options = ", ".join(_options(getattr(module, entry)))
            rows.append(f"| `{name}` | {_cell(told)} | {_cell(options)} |")
            files.append(Path(module.__file__))
        parts.append(f"## {title}\n\nModules of `{package}`.\n")
        parts.append("\n".join([*rows, ""]))
    return "\n".join(parts), files


def _modules(package: str, entry: str) -> list[tuple[str, Any]]:
    from labrun.modules import names

    found = [(n, importlib.import_module(f"{package}.{n}")) for n in names(package)]
    return [(name, module) for name, module in found if hasattr(module, entry)]


def _options(function: Callable) -> list[str]:
    """The arguments that a configuration may give, with their defaults."""
    from labrun.modules import arguments

    given = ("size", "flow", "hidden", "space", "inputs")
    told = []
    for name, argument in arguments(function).items():
        free = argument.default is not inspect.Parameter.empty
        if argument.kind is argument.KEYWORD_ONLY or (free and name not in given):
            default = repr(argument.default).replace('"', "'")
            told.append(f"`{name}: {default}`" if free else f"`{name}`")
    return told


def _markdown(text: str) -> str:
    """Roles of reStructuredText as Markdown has them."""
    return re.sub(r":math:`([^`]+)`", r"$\1$", text)


def example(name: str) -> Made:
    """A script of examples, what it prints and the pictures that it draws."""
    path = ROOT / "examples" / f"{name}.py"
    source = path.read_text(encoding="utf-8")
    about = ast.get_docstring(ast.parse(source)) or ""
    code = source.split('"""', 2)[2].strip()
    title, _, rest = about.partition("\n")
    printed, pictures = _run(path)
    shown = "\n\n".join(f"![{each.stem}]({_relative(each)})" for each in pictures)
    parts = [f"# {title.rstrip('.')}", rest.strip(), shown]
    parts += [f"```py\n{code}\n```", "It prints", f"```text\n{printed.rstrip()}\n```"]
    return "\n\n".join(part for part in parts if part), [path]


def _relative(picture: Path) -> str:
    return os.path.relpath(picture, DOCS / "gallery")


def _run(path: Path) -> tuple[str, list[Path]]:
    """Run a script in an empty folder: what it printed, and its pictures."""
    import matplotlib

    matplotlib.use("agg")
    PICTURES.mkdir(exist_ok=True)
    printed, before = io.StringIO(), Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(printed):
                runpy.run_path(str(path), run_name="__main__")
        except Exception as error:
            raise RuntimeError(f"{path.relative_to(ROOT)}: {error!r}") from error
        finally:
            os.chdir(before)
        drawn = sorted(Path(folder).glob("*.png"))
        kept = [PICTURES / f"{path.stem}-{each.name}" for each in drawn]
        for each, place in zip(drawn, kept, strict=True):
            place.write_bytes(each.read_bytes())
    return printed.getvalue(), kept


def further() -> Made:
    """Contents of the pages that no other contents name, and of all tables."""
    indexes = [DOCS / "index.md", *DOCS.glob("*/index.md")]
    named = {DOCS / "index"}
    for index in indexes:
        lines = re.findall(r"^[\w./-]+$", index.read_text("utf-8"), re.MULTILINE)
        named |= {(index.parent / line).resolve() for line in lines}
    pages = sorted(path.with_suffix("") for path in DOCS.glob("*.md"))
    own = [path.name for path in pages if path not in named]
    tables = [
        f"{title_of(path)} <{path.relative_to(DOCS).with_suffix('')}>"
        for path in sorted(DOCS.glob("results/*/*.md"))
    ]
    parts = [_contents("More", own)] if own else []
    parts.append(_contents("Tables", tables))
    return "\n\n".join(parts), [DOCS, *indexes]


def title_of(path: Path) -> str:
    """The title of a table of docs/results, which has no heading: table (budget)."""
    return f"{path.stem.replace('_', ' ').capitalize()} ({path.parent.name})"


def _contents(caption: str, lines: list[str]) -> str:
    head = f"```{{toctree}}\n:hidden:\n:caption: {caption}\n"
    return "\n".join([head, *lines, "```"])


GENERATED: dict[str, Callable[..., Made]] = {
    "commands": commands,
    "example": example,
    "further": further,
    "keys": keys,
    "kinds": kinds,
    "statistics": statistics,
}
