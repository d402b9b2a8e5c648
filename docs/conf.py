"""The documentation as a site: ``make docs`` builds it into build/docs. The pages read well without it, too.

What is in its menu, and under which heading, is said by the lists of docs/README.md; what is generated from the code
comes with the reference.
"""

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from reference import write_reference  # noqa: E402 - found by the line above

project = "orchestrator"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinxcontrib.mermaid"]
root_doc = "docs/README"
include_patterns = ["docs/**", "examples/**.md", "benchmarks/README.md", "*.md"]
html_theme = "furo"
html_title = "orchestrator"
html_show_copyright = False
html_show_sphinx = False
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"

SECTION = re.compile(r"^## (?P<heading>[^\n]+)$(?P<list>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
PAGE = re.compile(r"\]\(([^):]+)\.md\)")


def setup(app: Sphinx) -> None:
    """Let Sphinx call us for each page that it reads."""
    write_reference(DOCS / "reference")
    app.connect("source-read", add_menu)
    app.connect("build-finished", add_entrance)


def add_menu(_app: Sphinx, page: str, source: list[str]) -> None:
    """Make a menu of the lists on an index page."""
    if page == root_doc:
        generated = sorted(f"reference/{file.stem}" for file in (DOCS / "reference").glob("*.md"))
        for section in SECTION.finditer(source[0]):
            heading, pages = section["heading"], PAGE.findall(section["list"])
            source[0] += _menu([*pages, *(generated if heading == "Reference" else [])], heading)
    elif page == "docs/decisions/README":
        source[0] += _menu(PAGE.findall(source[0]))


def _menu(pages: list[str], heading: str = "") -> str:
    options = [":hidden:", f":caption: {heading}"] if heading else [":hidden:"]
    return "\n".join(["", "```{toctree}", *options, *pages, "```", ""])


def add_entrance(app: Sphinx, error: Exception | None) -> None:
    """Lead whoever comes to the site's folder on to its first page."""
    if error is None:
        page = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={root_doc}.html">'
        (Path(app.outdir) / "index.html").write_text(page)
