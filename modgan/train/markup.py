"""HTML in which all text is escaped unless it is HTML already."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from html import escape

VOID = {"img", "meta"}
# with this line in its head a page can neither run scripts nor ask for anything elsewhere
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
:root { color-scheme: light dark; --paper: #fdfdfb; --ink: #22252a; --soft: #666c75;
  --rule: #dcdcd6; --wash: #f3f3ee; --line: #b3470f; --band: #b3470f33; }
@media (prefers-color-scheme: dark) { :root { --paper: #17191c; --ink: #e2e3e5; --soft: #9aa0a8;
  --rule: #383b40; --wash: #202327; --line: #f0935a; --band: #f0935a40; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 50rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 3rem 0 .75rem; padding-top: .75rem;
  border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; overflow-wrap: anywhere; }
p { margin: .5rem 0; }
.soft, figcaption { color: var(--soft); font-size: .875rem; }
code, pre { font: .875em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
pre { margin: .75rem 0; white-space: pre-wrap; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 1.5rem 0 0; font-size: .875rem; }
nav a { color: inherit; }
dl { margin: 1rem 0; }
.facts div { display: grid; grid-template-columns: 8rem 1fr; gap: 0 1rem; padding: .35rem 0;
  border-bottom: 1px solid var(--rule); }
.list { columns: 15rem; column-gap: 2rem; font-size: .875rem; }
.list div { display: flex; justify-content: space-between; gap: 1rem; padding: .15rem 0;
  break-inside: avoid; border-bottom: 1px solid var(--rule); }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.list dd { text-align: right; }
progress { display: block; width: 100%; max-width: 20rem; height: .5rem; margin: .35rem 0;
  accent-color: var(--line); }
.scroll { overflow-x: auto; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .35rem 1.25rem .35rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); }
th { font-weight: 600; }
table code { white-space: nowrap; }
thead th { border-bottom-color: var(--soft); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 0; break-inside: avoid; }
img { display: block; max-width: 100%; height: auto; border: 1px solid var(--rule); }
.pixels { image-rendering: pixelated; }
.charts, .strip { display: grid; gap: 1.25rem; margin: .75rem 0; }
.charts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 14.5rem), 1fr)); }
.strip { grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.charts figure { display: flex; flex-direction: column; justify-content: space-between; }
.charts figcaption { font-size: .8rem; line-height: 1.35; margin-bottom: .25rem; }
.charts b { display: block; color: var(--ink); font-size: .875rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font: 11px system-ui, Helvetica, Arial, sans-serif; }
.grid { stroke: var(--rule); }
.line { fill: none; stroke: var(--line); stroke-width: 1.75; stroke-linejoin: round; }
.dot { fill: var(--line); }
.band { fill: var(--band); }
footer { margin-top: 3rem; }
@media (max-width: 30rem) { body { padding-top: 1.5rem; }
  .facts div { grid-template-columns: 1fr; } }
@media print { :root { --paper: #fff; --ink: #000; --soft: #555; --rule: #ccc; --line: #b3470f;
  --band: #b3470f33; } body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; } h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
  .scroll { overflow: visible; } }
"""


class Markup(str):
    """Text that is HTML already."""


def joined(parts: Iterable[object]) -> Markup:
    """All parts one after the other; what is no Markup is text and is escaped."""
    return Markup("".join(p if isinstance(p, Markup) else _escaped(p) for p in parts))


def tag(name: str, *inside: object, **attributes: object) -> Markup:
    """An element; `class_` and `aria_label` are written class and aria-label."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"'
        for key, value in attributes.items()
    )
    end = "" if name in VOID else f"{joined(inside)}</{name}>"
    return Markup(f"<{name}{given}>{end}")


def pairs(values: Mapping[str, object], kind: str) -> Markup:
    """Names and what they are, as `facts` (one below the other) or `list` (in columns)."""
    rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in values.items()]
    return tag("dl", *rows, class_=kind)


def table(
    head: Sequence[object],
    rows: Iterable[Sequence[object]],
    numbers: Container[int] = (),
) -> Markup:
    """A table whose rows begin with their name; the columns `numbers` are set to the right."""

    def cell(name: str, at: int, value: object, **given: object) -> Markup:
        return tag(name, value, **given, **({"class_": "number"} if at in numbers else {}))

    top = [cell("th", at, value, scope="col") for at, value in enumerate(head)]
    lines = []
    for first, *rest in rows:
        cells = [cell("td", at, value) for at, value in enumerate(rest, 1)]
        lines.append(tag("tr", cell("th", 0, first, scope="row"), *cells))
    inside = tag("table", tag("thead", tag("tr", *top)), tag("tbody", *lines))
    return tag("div", inside, class_="scroll")


def markdown(text: str) -> Markup:
    """The least that makes Markdown readable: headings and tables; the rest stays as it is."""
    blocks: list[tuple[bool, list[str]]] = []
    for line in text.strip().splitlines():
        tabular = line.lstrip().startswith("|")
        if not blocks or blocks[-1][0] != tabular:
            blocks.append((tabular, []))
        blocks[-1][1].append(line)
    return joined(_table(lines) if tabular else _text(lines) for tabular, lines in blocks)


def _table(lines: Sequence[str]) -> Markup:
    head, *rows = [_cells(line) for line in lines]
    if rows and all(re.fullmatch(":?-+:?", cell) for cell in rows[0]):
        rule, *rows = rows
        return table(head, rows, {at for at, cell in enumerate(rule) if re.match("-+:", cell)})
    return table(head, rows)


def _cells(line: str) -> list[str]:
    r"""The cells of a row; a bar inside of a cell is written \|."""
    inside = re.sub(r"^\||(?<!\\)\|$", "", line.strip())
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", inside)]


def _text(lines: Sequence[str]) -> Markup:
    parts: list[Markup] = []
    rest: list[str] = []
    for line in [*lines, "#"]:
        if not line.startswith("#"):
            rest.append(line)
            continue
        text, rest = "\n".join(rest).strip("\n"), []
        parts += [tag("pre", text)] if text.strip() else []
        parts += [tag("h3", line.strip("# "))] if line.strip("# ") else []
    return joined(parts)


def document(title: str, body: Iterable[object]) -> str:
    """A whole page."""
    head = [
        tag("meta", charset="utf-8"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    ]
    inside = joined([tag("head", *head), "\n", tag("body", *body)])
    return f'<!doctype html>\n<html lang="en">{inside}</html>\n'


def _escaped(value: object) -> str:
    # JSON can hold halves of characters, which no file can
    return escape(str(value).encode("utf-8", "backslashreplace").decode())
