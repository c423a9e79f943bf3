"""Search results with the words around what was found, on a site that is opened from the disk, too.

Sphinx's search fetches each page that it found, which browsers do not allow from a `file:` address. So the text of all
pages lies in one script, which only the page of the search loads; there it stands in for the fetch, and elsewhere does
nothing.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SCRIPT = "snippets.js"
BEGIN = "const PAGES = "
STAND_IN = """
if (location.protocol === "file:") {
  const root = new URL(document.documentElement.dataset.content_root, location).href;
  window.fetch = (address) => {
    const page = decodeURI(new URL(address, location).href.slice(root.length)).replace(/[?#].*$/, "");
    const found = `<div role="main">${PAGES[page]}</div>`;
    return page in PAGES ? Promise.resolve(new Response(found)) : Promise.reject(page);
  };
}
"""
_TAG = re.compile(r"<(?!/?section\b)[^>]*>")
_LINK = re.compile(r'<a class="headerlink".*?</a>', re.DOTALL)


def setup(app: Sphinx) -> None:
    """Collect the pages' texts as they are written, by their addresses in the site."""
    texts: dict[str, str] = {}

    def collect(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
        if page == "search":
            app.add_js_file(SCRIPT)
        elif tree is not None:
            texts[app.builder.get_target_uri(page)] = text_of(context["body"])

    def write(app: Sphinx, error: Exception | None) -> None:
        if error is None and app.builder.format == "html" and texts:
            place = Path(app.outdir, "_static", SCRIPT)
            # A build writes only the pages that changed.
            before = json.loads(place.read_text("utf-8").splitlines()[0][len(BEGIN) :]) if place.is_file() else {}
            told = json.dumps({**before, **texts}, ensure_ascii=True)
            place.write_text(f"{BEGIN}{told}\n{STAND_IN}", encoding="utf-8")

    app.connect("html-page-context", collect)
    app.connect("build-finished", write)


def text_of(body: str) -> str:
    """A page's text, with nothing of its HTML but the sections, by whose names a search goes to them."""
    return re.sub(r"\s+", " ", _TAG.sub("", _LINK.sub("", body)))
