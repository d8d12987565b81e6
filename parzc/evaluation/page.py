"""A report as one HTML page that needs no other file."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from parzc.atomic import atomic_write
from parzc.evaluation.summary import TableOf

__all__ = ["write_page"]

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #22303c; max-width: 72rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .25rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #dde4ea; }
th:first-child, td:first-child { text-align: left; } thead th { border-bottom: 2px solid #22303c; }
img { max-width: 100%; } pre { background: #f4f6f8; padding: .7rem; overflow-x: auto; }
"""


def write_page(
    path: str | Path,
    title: str,
    *,
    tables: Sequence[TableOf],
    pictures: Sequence[Path],
    introduction: str = "",
    settings: str = "",
) -> None:
    """Write tables and pictures into one file, whole or not at all.

    Args:
        path: The HTML file.
        title: Its heading.
        tables: What it tabulates.
        pictures: PNG files, which are copied into the page.
        introduction: A paragraph below the heading.
        settings: What was run, shown at the end as it is.
    """
    head = [f"<h1>{escape(title)}</h1>", f"<p>{escape(introduction)}</p>" if introduction else ""]
    parts = [*head, *map(_picture, pictures), *map(_table, tables)]
    if settings:
        parts.append(f"<h2>Settings</h2><pre>{escape(settings)}</pre>")
    meta = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    page = f'<!doctype html><html lang="en"><head>{meta}</head><body>{"".join(parts)}</body></html>\n'
    with atomic_write(path) as part:
        part.write_text(page, encoding="utf-8")


def _picture(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<p><img alt="{escape(path.stem)}" src="data:image/png;base64,{content}"></p>'


def _table(table: TableOf) -> str:
    header = "".join(f"<th>{escape(name)}</th>" for name in table.header)
    rows = ("".join(f"<td>{escape(text)}</td>" for text in row) for row in table.rows)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    title = f"<h2>{escape(table.title)}</h2>"
    return f"{title}<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
