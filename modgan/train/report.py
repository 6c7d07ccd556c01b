"""One page about a run, made from its folder at any time."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from modgan.data.images import DataError, open_image
from modgan.train.chart import HUGE, MOST, chart, short
from modgan.train.figures import figures
from modgan.train.markup import Markup, document, joined, markdown, pairs, table, tag
from modgan.train.records import LOG, SETTINGS, Found, Row, holds_run, numbered, speed, spent

SHOWN = 6  # sheets that show the development
MOST_BYTES = 2_500_000  # up to so many the latest sheet is in the page as it is
LARGE, SMALL = (1600, 3200), (720, 1440)  # most pixels of a larger one, of an earlier one
COLUMN = 760  # pixels of the page: sheets of less than half of it are enlarged


def report(run: Path) -> str:
    """The page about the run in the folder `run`: what is there now, and what is not yet."""
    if not run.is_dir():
        raise DataError(f"{run}: no such folder; give the folder of a run")
    if not holds_run(run):
        raise DataError(
            f"{run}: holds no run, neither {SETTINGS} nor {LOG}; give the folder that holds them"
        )
    found = Found(run)
    sections = {
        "Samples": _samples(found),
        "Figures": _figures(found),
        "Curves": _curves(found.rows),
        "Plan": _plan(run / "plan.md"),
        "Parts": _parts(found),
        "Settings": _settings(found.settings),
        "Folder": _folder(found),
    }
    links = [tag("a", name, href=f"#{name.lower()}") for name in sections]
    body = [
        tag("section", tag("h2", name), inside, id=name.lower())
        for name, inside in sections.items()
    ]
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    top = [
        tag("h1", found.recipe or found.name),
        tag("p", f"Run {found.name}, as it was on {made}", class_="soft"),
        pairs(_facts(found), "facts"),
        tag("nav", *links),
    ]
    foot = tag("footer", "Made by ", tag("code", "modgan report"), ".", class_="soft")
    return document(f"{found.recipe or 'run'}: {found.name}", [*top, *body, foot])


def _facts(found: Found) -> dict[str, object]:
    origin, missing = found.card["provenance"], tag("span", "not known", class_="soft")
    versions = origin.get("versions")
    if isinstance(versions, dict):
        versions = ", ".join(f"{name} {version}" for name, version in versions.items())
    values: dict[str, object] = {
        "recipe": tag("code", origin["recipe"]) if found.recipe else "",
        "state": _state(found),
        "time": _time(found),
        "data": origin.get("data") or found.settings.get("data"),
        "licence": found.card["licence"] or found.settings.get("licence"),
        "versions": versions,
    }
    return {name: value or missing for name, value in values.items()}


def _state(found: Found) -> object:
    """How far the run is, and when it was last heard of."""
    total, log = found.settings.get("steps"), found.run / LOG
    age = "nothing logged yet"
    if found.rows:
        age = f"the log last grew {span(time.time() - log.stat().st_mtime)} before this page"
    if not isinstance(total, int) or total < 1:
        return f"at step {found.step}, of how many is not known; {age}"
    if found.step >= total:
        return f"finished: {found.step} of {total} steps; {age}"
    bar = tag("progress", value=found.step, max=total)
    share = 100 * found.step // total
    return joined([f"at step {found.step} of {total} ({share} %); {age}", bar])


def _time(found: Found) -> str:
    total, starts = spent(found.rows)
    each, steps = speed(found.rows), found.settings.get("steps")
    words = [f"{span(total)} in all" + (f", in {starts} starts" if starts > 1 else "")]
    if each is not None:
        words.append(f"{1000 * each:.0f} ms per step of late")
        if isinstance(steps, int) and steps > found.step:
            words.append(f"about {span(each * (steps - found.step))} for the steps that are left")
    return "; ".join(words) if found.rows else ""


def span(seconds: float) -> str:
    """A time for people."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 90:
        return f"{max(0, seconds):.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"


def _samples(found: Found) -> Markup:
    """The latest sheet large, and how it came to be."""
    if not found.sheets:
        return _none("No sample sheets so far.")
    step, path = found.sheets[-1]
    latest = _picture(path, f"Samples of the averaged parts at step {step}", step, latest=True)
    if len(found.sheets) == 1:
        return latest
    chosen = evenly(found.sheets, SHOWN)
    strip = [_picture(p, f"Samples at step {at}", at) for at, p in chosen]
    title = f"Development: {len(chosen)} of {len(found.sheets)} sheets"
    return joined([latest, tag("h3", title), tag("div", *strip, class_="strip")])


def evenly(values: Sequence[Any], most: int) -> list[Any]:
    """At most `most` of the values: the first, the last, and evenly between."""
    if len(values) <= most:
        return list(values)
    return [values[round(at * (len(values) - 1) / (most - 1))] for at in range(most)]


def _picture(path: Path, words: str, step: int, latest: bool = False) -> Markup:
    """A sheet inside the page; one that cannot be read is named."""
    try:
        image = open_image(path)
    except DataError as error:
        return _none(f"Step {step} cannot be shown: {error}")
    untouched = latest and path.stat().st_size <= MOST_BYTES
    if not untouched:
        image.thumbnail(LARGE if latest else SMALL)
    times = COLUMN // image.width
    look = {"class_": "pixels", "width": image.width * times} if times > 1 else {}
    source = _data("png", path.read_bytes()) if untouched else _data("jpeg", _jpeg(image))
    note = f"; too large for this page as it is, see samples/{path.name}"
    caption = f"step {step}" + (note if latest and not untouched else "")
    return tag("figure", tag("img", src=source, alt=words, **look), tag("figcaption", caption))


def _jpeg(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "jpeg", quality=85)
    return buffer.getvalue()


def _data(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


def _figures(found: Found) -> Markup:
    """The metrics of every zoo file."""
    measured = [
        joined([tag("h3", f"{name}, step {_step(zoo)}"), figures(zoo["card"]["metrics"])])
        for name, zoo in found.readable.items()
        if zoo["card"]["metrics"]
    ]
    return joined(measured) if measured else _none("No zoo file with figures so far.")


def _step(zoo: Mapping[str, Any]) -> object:
    return zoo["card"]["provenance"].get("step", "not known")


def _curves(rows: Sequence[Row]) -> Markup:
    """Every term over its steps, by phase; figures first."""
    names = dict.fromkeys(name for row in rows for name in row if "/" in name)
    prefixes = dict.fromkeys(name.partition("/")[0] for name in names)
    order = sorted(prefixes, key=lambda prefix: prefix != "metric")
    groups = [
        joined(
            [
                tag("h3", "Figures followed, lower is better" if p == "metric" else f"Phase {p}"),
                _group(rows, names, p),
            ]
        )
        for p in order
    ]
    words = "Every term over the steps, within its own range."
    if len(rows) > MOST:
        words += (
            " Where there is a band, it is the range of neighbouring rows, the line their mean."
        )
    return joined([_none(words), *groups]) if groups else _none("Nothing logged yet.")


def _group(rows: Sequence[Row], names: Mapping[str, None], prefix: str) -> Markup:
    """The charts of one phase, over the same steps."""
    terms = [name for name in names if name.partition("/")[0] == prefix]
    # figures are few: over the whole run it shows when they were taken
    shown = [row for row in rows if prefix == "metric" or any(term in row for term in terms)]
    steps = [int(row["step"]) for row in shown]
    ends = (min(steps), max(steps))
    return tag("div", *(_term(rows, term, ends) for term in terms), class_="charts")


def _term(rows: Sequence[Row], name: str, ends: tuple[int, int]) -> Markup:
    given = [(int(row["step"]), row[name]) for row in rows if name in row]
    points = [(step, value) for step, value in given if abs(value) < HUGE]
    lost = len(given) - len(points)
    title = tag("b", name.partition("/")[2])
    note = f"; not finite: {lost}" if lost else ""
    if not points:
        return tag("figure", tag("figcaption", title, note))
    low, high = min(value for _, value in points), max(value for _, value in points)
    words = f"last {short(points[-1][1])}, range {short(low)} to {short(high)}{note}"
    label = f"{name} over steps {points[0][0]} to {points[-1][0]}: {words}"
    return tag("figure", tag("figcaption", title, f" {words}"), chart(points, ends, label))


def _plan(path: Path) -> Markup:
    if not path.is_file():
        return _none("This run has no plan.md.")
    return markdown(path.read_bytes().decode("utf-8", "backslashreplace"))


def _parts(found: Found) -> Markup:
    """The components and wirings of every zoo file; the same ones only once."""
    shown: list[Markup] = []
    before: Any = None
    for name, zoo in found.zoos.items():
        if isinstance(zoo, str):
            shown += [tag("h3", name), _none(f"Cannot be read: {zoo}")]
            continue
        kinds = {part: row["component"] for part, row in zoo["parts"].items()}
        same = (kinds, zoo["card"]["graphs"]) == before
        before = (kinds, zoo["card"]["graphs"])
        inside = _none("The same parts and wirings.") if same else _wired(zoo)
        shown += [tag("h3", f"{name}, step {_step(zoo)}"), inside]
    return joined(shown) if shown else _none("No zoo file so far.")


def _wired(zoo: Mapping[str, Any]) -> Markup:
    rows = []
    for part, row in zoo["parts"].items():
        labels = row["config"].get("labels")
        words = ", ".join(map(str, labels)) if isinstance(labels, list) else ""
        rows.append((tag("code", part), tag("code", row["component"]), words))
    wirings = [
        (name, joined([*(p for s in steps for p in (" → ", tag("code", s)))][1:]))
        for name, steps in zoo["card"]["graphs"].items()
    ]
    listed = [table(("part", "component", "labels"), rows)]
    return joined([*listed, *([table(("wiring", "steps"), wirings)] if wirings else [])])


def _settings(settings: Mapping[str, Any]) -> Markup:
    return pairs(settings, "list") if settings else _none("No settings.json so far.")


def _folder(found: Found) -> Markup:
    """What the run can go on from, and the runs it holds."""
    states = found.run / "checkpoints"
    steps = [str(step) for step, _ in numbered(states, "pt")]
    lines = [f"It can be resumed from step {' or '.join(steps)}." if steps else "No state so far."]
    if (states / "best.pt").is_file():
        lines.append("The state with the best figure so far is kept in checkpoints/best.pt.")
    inside = sorted(p for p in found.run.iterdir() if p.is_dir() and holds_run(p))
    lines += [f"{name} is not named after its recipe, so left out here." for name in found.foreign]
    words = [tag("p", line) for line in lines]
    for path in inside:
        command = tag("code", f"modgan report {found.name}/{path.name}")
        words.append(tag("p", f"The folder {path.name} holds a run of its own: ", command))
    return joined(words)


def _none(text: str) -> Markup:
    return tag("p", text, class_="soft")
