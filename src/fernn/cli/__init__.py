"""Flow equivariant recurrent neural networks: the stages and tools of the pipeline."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from pathlib import Path
from types import ModuleType
from typing import Any

from fernn.cli._extras import missing
from fernn.cli._streams import guard
from labrun import gpu_shares
from labrun.command_line import EXPECTED, explained
from labrun.errors import UserError, nearest
from labrun.lease import hold

IN_TURN = "fernn ONE ... then OTHER ... runs commands in turn, up to one that fails."
INTERRUPTED = 130  # as a shell has it of a command that Ctrl-C ends


def names() -> list[str]:
    """The subcommands: the modules of this package, found by file name."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(name for name in found if not name.startswith("_"))


def commands(wanted: Sequence[str] | None = None) -> dict[str, ModuleType]:
    """The modules of some subcommands by name; loading all of them takes a while."""
    found = names() if wanted is None else wanted
    return {name: importlib.import_module(f"fernn.cli.{name}") for name in found}


def parser(wanted: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The command line of some subcommands; each module's docstring is its help."""
    top = argparse.ArgumentParser(prog="fernn", description=__doc__, epilog=IN_TURN)
    top.add_argument("--version", action=_Version, nargs=0, help="print the version")
    subparsers = top.add_subparsers(title="commands", metavar="command", required=True)
    for name, module in commands(wanted).items():
        text = module.__doc__ or ""
        sub = subparsers.add_parser(
            name,
            help=text.splitlines()[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(sub)
        computes = getattr(module, "COMPUTES", False)
        sub.set_defaults(run=module.run, command=name, computes=computes)
        sub.set_defaults(gpu_memory=getattr(module, "gpu_memory", None))
        sub.set_defaults(usage=sub.format_usage)
    return top


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print("fernn", version("fernn"))
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, or several in turn as `fernn ONE … then OTHER …`, up to a failure.

    0, or 2 with one line for what the user can mend. 75 says that the work is saved and
    the same command continues it, 130 that Ctrl-C ended it.
    """
    if argv is not None:  # called by another command
        return _run_all([argv], outermost=False)
    guard()
    return _run_all(_in_turn(sys.argv[1:]), outermost=True)


def _in_turn(argv: Sequence[str]) -> list[list[str]]:
    """The command lines that stand one after the other: `then` and a name begin one."""
    found: list[list[str]] = [[]]
    for word, follower in zip_longest(argv, argv[1:]):
        if word == "then" and follower in names() and found[-1]:
            found.append([])
        else:
            found[-1].append(word)
    return found


def _run_all(lines: Sequence[Sequence[str]], outermost: bool) -> int:
    """Run commands in turn, see `main`; none of them if one has a mistake.

    A process has the GPUs that CUDA saw first, so all of its commands hold the same.
    """
    name, commands = "", []
    try:
        for argv in lines:
            name = "".join(argv[:1])
            commands.append(_parsed(argv))
        with ExitStack() as cards:
            held = False
            for args in commands:
                name = args.command
                with _lease(args):
                    if args.computes and not held:
                        held = cards.enter_context(_gpus(commands))
                    args.run(args)
    except KeyboardInterrupt:
        if not outermost:
            raise
        print(f"fernn {name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ModuleNotFoundError, *EXPECTED) as error:
        text, code = _explained(error, name)
        if not code:
            raise
        print(text, end="\n" if text else "", file=sys.stderr)
        return code
    return 0


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line.

    Raises:
        UserError: there is no such command or option; the nearest one is named.
    """
    wanted = parser(_named(argv))
    args, unknown = wanted.parse_known_args(argv)
    if unknown:
        known = nearest(unknown[0], {*re.findall(r"--[\w-]+", args.usage())})
        raise UserError(f"{args.command}: no argument {unknown[0]!r}; {known}")
    return args


def _explained(error: Exception, command: str) -> tuple[str, int]:
    """What to print, and the exit code; 0 for an error that is a mistake of ours."""
    if not isinstance(error, ModuleNotFoundError):
        return explained(error)
    extra = missing(error)
    install = f"fernn {command} needs fernn[{extra}]: pip install 'fernn[{extra}]'"
    return (install, 2) if extra else ("", 0)


@contextmanager
def _lease(args: argparse.Namespace) -> Iterator[None]:
    """Hold the leases on the command's outputs; further devices work under the first.

    Those of one folder are made together, and one of them stands for all.
    """
    given = getattr(args, "output", None)
    outputs = given if isinstance(given, list) else [given] if given else []
    if os.environ.get("LOCAL_RANK", "0") != "0":
        outputs = []
    first: dict[Path, Path] = {}
    for output in outputs:
        first.setdefault(output.parent, output)
    with ExitStack() as leases:
        for output in first.values():
            leases.enter_context(hold(output, f"fernn {args.command}"))
        yield


@contextmanager
def _gpus(commands: Sequence[argparse.Namespace]) -> Iterator[bool]:
    """Hold GPUs for the commands that compute on one; further devices see the same."""
    if os.environ.get("LOCAL_RANK", "0") != "0":
        yield True
        return
    computing = [args for args in commands if args.computes]

    def memory() -> float:
        return max(args.gpu_memory(args) for args in computing)

    count = max(getattr(args, "devices", 1) for args in computing)
    told = all(args.gpu_memory for args in computing)
    with gpu_shares.hold(count, memory if told else None):
        yield True


def _named(argv: Sequence[str]) -> list[str] | None:
    """The command, as a list, None where an option comes first.

    Raises:
        UserError: there is no such command; the nearest one is named.
    """
    name = argv[0] if argv else "-"
    if name.startswith("-"):
        return None
    if name not in names():
        raise UserError(f"no command {name!r}; {nearest(name, names())}")
    return [name]
