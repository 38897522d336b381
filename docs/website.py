"""What the site has beyond the files of docs: made pages, sources, MathML, a check.

A page asks for generated text by a block, which GitHub shows as it is::

    ```{fernn} statistics
    ```

What there is to ask for are the functions of `GENERATED`. A link to a file of the
repository outside docs leads to the page that includes it, else to a page with its
source. After the build every link and anchor of every page must lead somewhere.
"""

import html
import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.highlighting import PygmentsBridge
from sphinx.util import logging

import generated

DOCS = Path(__file__).parent
ROOT = DOCS.parent
SOURCES = "source"  # folder of the pages with sources
INCLUDED = {  # files outside docs that are pages of the site
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "howto/contributing.md",
    "config/README.md": "reference/configuration.md",
    "examples/another_model/README.md": "howto/another-model.md",
    "results/README.md": "howto/results.md",
    "slurm/README.md": "howto/cluster.md",
}
CODE = (
    r"^(?P<fence>`{3,}|~{3,})[\s\S]*?^(?P=fence)|(?P<ticks>`+)[\s\S]*?[^`](?P=ticks)"
    r"|(?P<dollars>\${1,2})[^$]+(?P=dollars)"  # and mathematics
)
LINK = r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)"
CODE_OR_LINK = re.compile(f"{LINK}|{CODE}", re.MULTILINE)
BLOCK = re.compile(r"^```\{fernn\} (.*)\n```$", re.MULTILINE)
QUIET = "print = lambda *values: None"  # what a block prints is not compared
log = logging.getLogger(__name__)


class NoFileError(ValueError):
    """A link to no file, or to one outside the repository."""


def relinked(text: str, folder: Path, page: str, linked: set[str]) -> str:
    """A Markdown text whose links hold on a page of the site.

    Args:
        text: in which links are relative to `folder`.
        folder: of the repository.
        page: that the text is shown on, relative to docs.
        linked: the files whose source must be shown are added here.

    Raises:
        NoFileError: a link to no file, or to one outside the repository.
    """

    def replaced(match: re.Match[str]) -> str:
        target = match["target"] or ""
        path, _, anchor = target.partition("#")
        if not path or urlsplit(target).scheme or "\n" in path:
            return match[0]
        found = (folder / unquote(path)).resolve()
        if not found.exists() or not found.is_relative_to(ROOT):
            raise NoFileError(f"{page}: no file for the link {target}")
        name = found.relative_to(ROOT).as_posix()
        above = Path(page).parent
        anchor = anchor and f"#{anchor}"
        if name in INCLUDED or found.suffix in (".md", ".png", ".svg"):
            own = INCLUDED.get(name) or os.path.relpath(found, DOCS)
            if not own.startswith(".."):
                place = os.path.relpath(own, above) + anchor
                return f"{match['image']}[{replace(match['text'])}]({place})"
        if found.suffix == ".html":  # copied as it is
            place = os.path.relpath(found.relative_to(DOCS), above) + anchor
        else:
            linked.add(name)
            place = os.path.relpath(f"{SOURCES}/{name}.html", above)
        return f'<a href="{place}">{replace(match["text"])}</a>'

    def replace(part: str) -> str:
        return CODE_OR_LINK.sub(replaced, part)

    return replace(text)


def read(app, docname: str, content: list[str]) -> None:
    """Put generated text in the place of its block, and mend links."""
    page = f"{docname}.md"
    linked: set[str] = set()
    if docname.startswith("results/") and not content[0].startswith("# "):
        content[0] = f"# {generated.title_of(DOCS / page)}\n\n{content[0]}"

    def block(match: re.Match[str]) -> str:
        what, *words = match[1].split()
        if what == "file":
            app.env.note_dependency(str(ROOT / words[0]), docname=docname)
            return included(ROOT / words[0], page, linked)
        made, files = generated.GENERATED[what](*words)
        for path in files:
            app.env.note_dependency(str(path), docname=docname)
        return relinked(made, (DOCS / page).parent, page, linked)

    try:
        text = relinked(content[0], (DOCS / page).parent, page, linked)
        content[0] = BLOCK.sub(block, text)
    except NoFileError as error:
        log.warning("%s", error)
    app.env.linked_sources = {**_linked(app.env), docname: linked}


def tested(app, doctree) -> None:
    """Let the builder `doctest` run the blocks of Python of every page, in order."""
    for node in doctree.findall(nodes.literal_block):
        if node.get("language") == "python":
            node["testnodetype"] = "testcode"
            node["test"] = f"{QUIET}\n{node.astext()}"


def included(path: Path, page: str, linked: set[str]) -> str:
    """The Markdown of a file outside docs."""
    text = path.read_text(encoding="utf-8")
    return relinked(text, path.parent, page, linked)


def _linked(env) -> dict[str, set[str]]:
    return getattr(env, "linked_sources", {})


def source_pages(app) -> Iterator[tuple[str, dict, str]]:
    """A page with the source of every file that another page links to."""
    for name in sorted(set().union(*_linked(app.env).values())):
        path = ROOT / name
        body = _listed(path) if path.is_dir() else _shown(path)
        title = html.escape(name)
        body = f"<h1>{title}</h1>\n{body}"
        yield f"{SOURCES}/{name}", {"title": title, "body": body}, "page.html"


def _shown(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    language = {".py": "python", ".json": "json", ".yaml": "yaml", ".sh": "bash"}
    bridge = PygmentsBridge("html")
    return bridge.highlight_block(text, language.get(path.suffix, "text"), force=True)


def _listed(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir() if path.name[0] not in "._")
    items = (f"<li><code>{html.escape(name)}</code></li>" for name in names)
    return f"<ul>{''.join(items)}</ul>"


class Anchors(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep `id`, `href` and `src`."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            if name in ("href", "src") and value:
                self.links.add(value)


def broken(folder: Path) -> Iterator[str]:
    """Links of a built site that lead nowhere, or fetch something from elsewhere."""
    pages = {path.resolve(): Anchors(path) for path in folder.rglob("*.html")}
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve()
            target = target if parts.path else path
            anchors = pages[target].anchors if target in pages else set()
            lost = parts.fragment and unquote(parts.fragment) not in anchors
            if not target.exists() or (lost and target in pages):
                yield f"{path.relative_to(folder)}: {link}"


def copy_pages(app, error: Exception | None) -> None:
    """Copy the HTML files of docs to the same places of the site."""
    if error is None and app.builder.format == "html":
        for path in DOCS.rglob("*.html"):
            target = Path(app.outdir) / path.relative_to(DOCS)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def check(app, error: Exception | None) -> None:
    """Report broken links of the site that was built."""
    if error is None and app.builder.format == "html":
        for line in broken(Path(app.outdir)):
            log.warning("a link leads nowhere: %s", line)


def _inline(self, node) -> None:
    self.body.append(convert(node.astext(), display="inline"))
    raise nodes.SkipNode


def _display(self, node) -> None:
    text = node.astext()
    if "&" in text or r"\\" in text:
        text = rf"\begin{{align*}}{text}\end{{align*}}"
    self.body.append(convert(text, display="block"))
    raise nodes.SkipNode


def setup(app) -> dict[str, bool]:
    """Connect all of it."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    app.connect("source-read", read)
    app.connect("doctree-read", tested)
    app.connect("html-collect-pages", source_pages)
    app.connect("build-finished", copy_pages)
    app.connect("build-finished", check)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
