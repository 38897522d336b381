"""Targets that nothing makes: the nearest one that there is, in one line.

REQUIRED INPUTS: none
OUTPUTS: none
"""

import difflib


def made():
    """The files that may be asked for: figures, tables and cubes."""
    pictures = [str(Path(path).with_suffix(".pdf")) for path in figures()]
    forms = [path for form in ("csv", "md", "tex", "html") for path in tables(form)]
    return [*figures(), *pictures, *forms, *all_cubes()]


def suggestion(target):
    """The end of a message: the nearest rule or file, or the items of the paper."""
    rules = [rule.name for rule in workflow.rules if not rule.has_wildcards()]
    files = {Path(path).stem: path for path in reversed(made())}
    near = difflib.get_close_matches(target, [*rules, *made()], n=1)
    if not near:
        stems = difflib.get_close_matches(Path(target).stem, files, n=1)
        near = [files[stem] for stem in stems]
    items = [*PLAN["targets"], *PLAN["paper"]]
    items = [rule for rule in rules if rule in ("all", "paper", *items)]
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(items)}"


def refuse_unknown(wanted):
    """End the run for targets that are no rule and no output of one."""
    lines = []
    for target in sorted(map(str, wanted)):
        path = os.path.relpath(target)
        known = (
            target == rule.name or rule.is_producer(path) for rule in workflow.rules
        )
        if not ("://" in target or any(known)):
            hint = suggestion(target)
            lines.append(f"fernn: no target {target!r} in budget {BUDGET!r}; {hint}")
    if lines:
        print("\n".join(lines), file=sys.stderr)
        raise SystemExit(2)
