"""How Sphinx builds the documentation: `make docs`."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "fernn"
copyright = "The fernn maintainers"
version = release = version_of("fernn")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "website",
]
exclude_patterns = ["_pictures"]
default_role = "code"  # a name between backticks in a docstring
nitpicky = False

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = "fernn"
html_math_renderer = "mathml"
html_show_sourcelink = False
html_show_search_summary = False  # it fetches pages, which file:// refuses
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
templates_path = []
html_static_path = ["site.css"]
html_css_files = ["site.css"]
