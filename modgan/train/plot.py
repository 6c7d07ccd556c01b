"""The loss curves of a run as a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from modgan.files import replacing

WIDTH, HEIGHT, COLUMNS = 360, 200, 3  # one panel, pixels; panels in a row
INK, GRID, LINE = "#333333", "#dddddd", "#c2410c"


def read_log(path: Path) -> list[dict[str, float]]:
    """The rows of a log.jsonl; a last line cut off by an interruption is left out."""
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def plot(log: Path, target: Path) -> None:
    """Draw every term of `log` over its steps, one panel each, into the PNG `target`."""
    rows = read_log(log)
    names = list(dict.fromkeys(key for row in rows for key in row if "/" in key))
    high = -(-len(names) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * WIDTH, max(1, high) * HEIGHT), "white")
    for at, name in enumerate(names):
        points = [(row["step"], row[name]) for row in rows if name in row]
        page.paste(_panel(name, np.array(points)), (at % COLUMNS * WIDTH, at // COLUMNS * HEIGHT))
    with replacing(target) as temporary:
        page.save(temporary)


def _panel(name: str, points: np.ndarray) -> Image.Image:
    """One term: title, the range of both axes, and the curve."""
    panel = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, font = ImageDraw.Draw(panel), ImageFont.load_default(12)
    left, top, right, bottom = 56, 26, WIDTH - 14, HEIGHT - 24
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    scaled = (points - low) / span * (right - left, top - bottom) + (left, bottom)
    draw.rectangle((left, top, right, bottom), outline=GRID)
    draw.line([tuple(point) for point in scaled], fill=LINE, width=2)
    draw.text((left, 6), name, INK, font)
    draw.text((left - 6, top), f"{high[1]:.3g}", INK, font, anchor="ra")
    draw.text((left - 6, bottom), f"{low[1]:.3g}", INK, font, anchor="rs")
    draw.text((right, bottom + 6), f"step {int(high[0])}", INK, font, anchor="ra")
    return panel
