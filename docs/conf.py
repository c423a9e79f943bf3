"""How the documentation is built: `make docs`. The pages stand where they belong, in docs/ and beside the code."""

import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils import new_document
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).parent))
import snippets  # both are beside this file
from generated import filled

project = "Lengthwise"
author = "The Lengthwise contributors"
release = metadata.version("lengthwise")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
# The source is the whole checkout, so that a page beside the code is shown as it is, and never copied.
root_doc = "docs/index"
include_patterns = ["docs/**", "*.md", "rl/README.md", "rl/**/README.md", "experiments/*.md", "experiments/**/*.md"]
exclude_patterns = [".*", "docs/_build", "runs", "tests", "build", "dist", "*.egg-info"]
suppress_warnings = ["toc.not_included"]  # tables of figures, which docs/benchmarks.md shows

html_theme = "furo"
html_title = "Lengthwise"
html_extra_path = ["start"]
html_copy_source = False
html_show_copyright = False

myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
add_module_names = False


class Markdown(SphinxDirective):
    """Docstrings are Markdown, as all of the documentation is; autodoc takes them for reStructuredText."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        page = new_document(self.get_source_info()[0], self.state.document.settings)
        MystParser().parse("\n".join(self.content), page)
        return page.children


def _as_markdown(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [".. markdown::", "", *(f"   {line}" for line in lines), ""]


def _without_factories(
    app: Sphinx, what: str, name: str, found: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """`<factory>` is no Python: Sphinx would show the whole signature as it stands, with the marks meant for itself."""
    return signature and re.sub(r"<(?:[^<>]|<[^<>]*>)*>", "...", signature), returns


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    source[:] = [filled(text) for text in source]


def setup(app: Sphinx) -> None:
    snippets.setup(app)
    app.connect("source-read", _fill)
    app.add_directive("markdown", Markdown)
    app.connect("autodoc-process-docstring", _as_markdown)
    app.connect("autodoc-process-signature", _without_factories)
