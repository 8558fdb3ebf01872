"""The manual: `make docs` builds it into dist/docs, `make lint` with warnings as errors."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

project = "Marquee"
html_title = "Marquee"
extensions = ["myst_parser", "sphinx.ext.autodoc", "generated"]

# Headings of the pages may be linked to, as on GitHub.
myst_heading_anchors = 4

html_theme = "furo"
html_static_path = ["manual.css"]
html_css_files = ["manual.css"]
html_show_sphinx = False
html_copy_source = False
pygments_style = "tango"
pygments_dark_style = "monokai"

default_role = "code"
highlight_language = "text"
smartquotes = False
add_module_names = False
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
