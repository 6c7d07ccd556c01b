"""Sixteen plumages that any bird can wear: colours by region, and a pattern on some regions.

Patterns lie in the frame of the bird: its box is centred at 0 and its longer side is 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modgan.data.bird_parts import DECALS, REGIONS, WORN_ON
from modgan.data.portrait_parts import Colour, Points, mix, open_curve, shade

_INK: Colour = (40, 32, 52)
_CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 16)) for f in (np.cos, np.sin)], axis=1)


@dataclass(frozen=True, slots=True)
class Plumage:
    """Colours, and a pattern of colour `mark` on the `marked` regions."""

    body: Colour
    head: Colour
    wing: Colour
    belly: Colour
    cap: Colour
    bar: Colour
    face: Colour
    beak: Colour
    legs: Colour
    mark: Colour = _INK
    pattern: str = ""
    marked: tuple[str, ...] = ()

    def palette(self) -> NDArray[np.uint8]:
        """The colour of every (region, decal, marked or not), uint8 (R, D, 2, 3)."""
        base = {
            "": (0, 0, 0), "ink": mix(self.body, _INK, 0.78), "far": shade(self.wing, 0.78),
            "legs": self.legs, "tail": shade(self.wing, 0.92), "body": self.body,
            "neck": self.head, "head": self.head, "wing": self.wing,
            "edge": mix(self.wing, _INK, 0.45), "beak": self.beak, "eye": (30, 24, 36),
            "glint": (255, 255, 255),
        }  # fmt: skip
        table = np.zeros((len(REGIONS), len(DECALS), 2, 3), dtype=np.uint8)
        for r, region in enumerate(REGIONS):
            for d, decal in enumerate(DECALS):
                worn = region in WORN_ON.get(decal, ())
                table[r, d] = getattr(self, decal) if worn else base[region]
                if region in self.marked and decal not in ("cap", "face", "bar"):
                    table[r, d, 1] = self.mark
        return table


def _bars(phase: float) -> list[Points]:
    bar = np.array([(-1.6, -0.2), (1.6, 0.24), (1.6, 0.36), (-1.6, -0.08)])
    return [bar + np.array([0, y]) for y in np.arange(-1.6 + 0.27 * phase, 1.6, 0.27)]


def _grid(phase: float, step: float) -> list[tuple[float, float]]:
    """Places in rows, every other row shifted by half a step."""
    ys = np.arange(-1.2 + step * phase, 1.2, step)
    return [
        (x, y)
        for row, y in enumerate(ys)
        for x in np.arange(-1.2 + step * (phase + row % 2) / 2, 1.2, step)
    ]


def _spots(phase: float) -> list[Points]:
    return [_CIRCLE * 0.09 + place for place in _grid(phase, 0.3)]


def _streaks(phase: float) -> list[Points]:
    return [_CIRCLE * (0.05, 0.13) + place for place in _grid(phase, 0.27)]


def _checks(phase: float) -> list[Points]:
    diamond = np.array([(0.0, -0.15), (0.15, 0.0), (0.0, 0.15), (-0.15, 0.0)])
    return [diamond + place for place in _grid(phase, 0.3)]


def _scales(phase: float) -> list[Points]:
    arc = open_curve([(-0.17, -0.06), (-0.1, 0.07), (0.0, 0.11), (0.1, 0.07), (0.17, -0.06)])
    scale = np.concatenate([arc, (arc * (0.62, 0.5) - (0, 0.04))[::-1]])
    return [scale + place for place in _grid(phase, 0.3)]


def _zigzags(phase: float) -> list[Points]:
    xs = np.arange(-10, 11) * 0.16
    line = np.stack([xs, 0.12 * (np.arange(21) % 2)], axis=1)
    band = np.concatenate([line, line[::-1] + np.array([0, 0.13])])
    return [band + np.array([0, y]) for y in np.arange(-1.4 + 0.3 * phase, 1.4, 0.3)]


def marks(pattern: str, phase: float) -> list[Points]:
    """The polygons of a pattern, shifted by `phase` of a step."""
    return _PATTERNS[pattern](phase)


_PATTERNS = {"spots": _spots, "streaks": _streaks, "checks": _checks, "scales": _scales,
             "zigzags": _zigzags, "bars": _bars}  # fmt: skip
_COAT = ("body", "wing", "tail", "far")
_WHITE: Colour = (252, 250, 246)
_ORANGE: Colour = (246, 146, 40)
_YELLOW: Colour = (252, 206, 60)
_BLACK: Colour = (58, 54, 68)

PLUMAGES: dict[str, Plumage] = {
    "mallard": Plumage(
        (196, 178, 152), (30, 122, 86), (140, 106, 82), (238, 228, 208), (22, 104, 72),
        (64, 110, 214), (30, 122, 86), _YELLOW, _ORANGE),
    "amber_spotted": Plumage(
        (250, 200, 74), (250, 208, 92), (244, 178, 52), (255, 226, 140), (250, 208, 92),
        (244, 178, 52), (255, 226, 140), (232, 96, 52), (232, 96, 52), (206, 104, 34), "spots",
        _COAT),
    "tawny_streaked": Plumage(
        (158, 110, 72), (150, 102, 66), (122, 82, 54), (232, 206, 164), (122, 80, 52),
        (178, 132, 90), (240, 220, 186), (236, 176, 66), (214, 160, 84), (104, 66, 44), "streaks",
        ("body",)),
    "frosty_barred": Plumage(
        (236, 240, 248), (240, 244, 250), (214, 222, 236), (250, 252, 255), (222, 228, 240),
        (214, 222, 236), (252, 253, 255), (88, 92, 110), (120, 124, 140), (122, 136, 168), "bars",
        _COAT),
    "slate_capped": Plumage(
        (134, 156, 186), (226, 230, 236), (98, 120, 156), (230, 234, 240), (44, 50, 72),
        (70, 88, 122), (246, 246, 248), (248, 190, 62), (196, 158, 88)),
    "flamingo": Plumage(
        (250, 156, 172), (252, 172, 186), (240, 112, 140), (254, 196, 202), (252, 172, 186),
        (220, 74, 112), (252, 172, 186), (74, 62, 76), (240, 112, 130)),
    "russet_capped": Plumage(
        (206, 188, 168), (222, 210, 194), (152, 96, 60), (240, 230, 214), (162, 74, 40), _WHITE,
        (244, 238, 226), (70, 62, 66), (190, 128, 92), (92, 54, 38), "streaks", ("wing", "far")),
    "goldfinch": Plumage(
        (250, 220, 58), (250, 224, 76), _BLACK, (254, 236, 130), (46, 42, 54), _WHITE,
        (250, 224, 76), (240, 140, 90), (220, 140, 96)),
    "tuxedo": Plumage(
        (74, 80, 106), (64, 70, 94), (60, 64, 88), _WHITE, (64, 70, 94), (60, 64, 88), _WHITE,
        _ORANGE, _ORANGE),
    "crimson_zigzag": Plumage(
        (172, 44, 84), (152, 34, 74), (142, 30, 70), (240, 176, 168), (152, 34, 74),
        (142, 30, 70), (248, 200, 186), (250, 196, 76), (250, 176, 66), (254, 226, 190),
        "zigzags", _COAT),
    "scarlet_banded": Plumage(
        (222, 46, 48), (226, 50, 50), (44, 92, 196), (230, 70, 56), (222, 46, 48), (252, 204, 50),
        _WHITE, (240, 228, 206), (110, 102, 110)),
    "lime_winged": Plumage(
        (128, 202, 62), (136, 208, 70), (34, 128, 70), (196, 230, 100), (250, 130, 54),
        (240, 84, 60), (250, 160, 76), (74, 68, 76), (120, 110, 110), (52, 138, 62), "scales",
        ("body",)),
    "snow_white": Plumage(
        _WHITE, _WHITE, (236, 236, 240), (255, 253, 250), _WHITE, (236, 236, 240),
        (62, 56, 66), (248, 130, 44), (70, 64, 74)),
    "lilac_scaled": Plumage(
        (186, 150, 226), (196, 162, 232), (148, 106, 204), (216, 192, 242), (122, 80, 180),
        (148, 106, 204), (216, 192, 242), (252, 208, 96), (122, 90, 150), (108, 66, 170), "scales",
        _COAT),
    "ruby_throated": Plumage(
        (24, 160, 98), (30, 172, 104), (96, 176, 150), (214, 40, 116), (20, 140, 88),
        (66, 148, 126), (236, 60, 134), (60, 54, 66), (70, 64, 74)),
    "copper_checked": Plumage(
        (218, 116, 52), (204, 98, 42), (176, 80, 38), (244, 180, 112), (204, 98, 42),
        (176, 80, 38), (244, 180, 112), (70, 52, 52), (120, 76, 56), (82, 42, 48), "checks", _COAT),
}  # fmt: skip
