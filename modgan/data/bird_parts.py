"""The silhouettes of eight birds.

Each is a list of parts, back to front, in a frame of its own: facing right, y down. A part names
the region that it fills or the decal that it is; the plumage gives those their colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modgan.data.portrait_parts import Pair, Points, closed_curve, open_curve

REGIONS = ("", "ink", "far", "legs", "tail", "body", "neck", "head", "wing", "edge", "beak",
           "eye", "glint")  # fmt: skip
DECALS = ("", "belly", "cap", "bar", "face")  # each colours one region, or two, where it lies
WORN_ON = {"belly": ("body", "neck"), "cap": ("head",), "bar": ("wing",), "face": ("head",)}
_CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 32)) for f in (np.cos, np.sin)], axis=1)


@dataclass(frozen=True, slots=True)
class Part:
    """A polygon of a region (or a decal) that moves with a joint: "", "head" or "wing"."""

    name: str
    points: Points
    joint: str = ""

    @property
    def decal(self) -> bool:
        """Whether it colours what is there, and covers nothing."""
        return self.name in DECALS


@dataclass(frozen=True, slots=True)
class Silhouette:
    """The outline of a species and what lies in it."""

    parts: tuple[Part, ...]
    nape: Pair  # where the head turns
    shoulder: Pair  # where the wing turns
    raised: float  # radians, how far the wing turns when it is raised
    reach: float = 1.2  # how much longer a raised wing is


def _blob(name: str, *points: Pair, joint: str = "") -> Part:
    return Part(name, closed_curve(points), joint)


def _corners(name: str, *points: Pair, joint: str = "") -> Part:
    return Part(name, np.array(points, dtype=np.float64), joint)


def _ball(name: str, x: float, y: float, rx: float, ry: float, joint: str = "") -> Part:
    return Part(name, _CIRCLE * (rx, ry) + (x, y), joint)


def _limb(name: str, wide: Pair, *points: Pair, joint: str = "") -> Part:
    """A bent strip, `wide` at its start and its end."""
    line = open_curve(points)
    along = np.gradient(line, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.hypot(across[:, 0], across[:, 1])[:, None]
    half = np.linspace(wide[0] / 2, wide[1] / 2, len(line))[:, None]
    edge = np.concatenate([line + half * across, (line - half * across)[::-1]])
    return Part(name, edge, joint)


def _eye(x: float, y: float, size: float = 0.09) -> tuple[Part, ...]:
    return (
        _ball("eye", x, y, size, size, "head"),
        _ball("glint", x + 0.3 * size, y - 0.35 * size, 0.4 * size, 0.4 * size, "head"),
    )


def _foot(x: float, top: float, low: float, toe: float = 0.22, wide: float = 0.09) -> Part:
    """A leg down to `low` with toes to the front."""
    return _corners("legs", (x - wide / 2, top), (x + wide / 2, top), (x + wide / 2, low - wide),
                    (x + toe, low - 0.3 * wide), (x + toe, low), (x - 0.6 * toe, low),
                    (x - 0.6 * toe, low - 0.4 * wide), (x - wide / 2, low - wide))  # fmt: skip


# fmt: off
_DUCK = Silhouette((
    _foot(-0.05, 0.6, 1.12, 0.3, 0.12), _foot(0.25, 0.6, 1.08, 0.3, 0.12),
    _blob("tail", (-0.7, -0.05), (-1.15, -0.2), (-1.5, -0.52), (-1.35, 0.05), (-0.8, 0.45)),
    _blob("body", (-1.1, -0.05), (-0.6, -0.16), (0.0, -0.24), (0.6, -0.12), (0.86, 0.22),
          (0.68, 0.64), (0.1, 0.84), (-0.6, 0.72), (-1.08, 0.34)),
    _blob("belly", (1.0, 0.2), (0.6, 0.3), (0.0, 0.58), (-0.7, 0.56), (-0.9, 1.0), (0.5, 1.1),
          (1.1, 0.7)),
    _limb("neck", (0.62, 0.42), (0.5, 0.2), (0.68, -0.2), (0.72, -0.62)),
    _blob("beak", (0.95, -0.86), (1.2, -0.72), (1.56, -0.68), (1.62, -0.52), (1.3, -0.46),
          (0.95, -0.5), joint="head"),
    _ball("head", 0.76, -0.7, 0.42, 0.38, "head"),
    _blob("cap", (0.2, -0.62), (0.7, -0.72), (1.3, -0.86), (1.2, -1.3), (0.3, -1.3), joint="head"),
    _ball("face", 0.98, -0.56, 0.24, 0.14, "head"),
    *_eye(0.9, -0.8, 0.09),
    _blob("wing", (0.38, -0.06), (0.4, 0.24), (0.0, 0.5), (-0.6, 0.42), (-1.16, -0.02),
          (-0.5, -0.12), joint="wing"),
    _blob("bar", (-0.3, 0.1), (-0.25, 0.5), (-0.75, 0.5), (-0.8, 0.05), joint="wing"),
), nape=(0.72, -0.4), shoulder=(0.2, 0.08), raised=1.05)

_OWL = Silhouette((
    _ball("legs", -0.18, 1.16, 0.2, 0.11), _ball("legs", 0.32, 1.16, 0.2, 0.11),
    _blob("tail", (-0.3, 0.7), (-0.85, 1.0), (-0.9, 1.4), (-0.5, 1.36), (0.0, 1.0)),
    _blob("body", (-0.1, -0.65), (0.6, -0.4), (0.82, 0.3), (0.62, 0.95), (0.1, 1.18), (-0.45, 0.98),
          (-0.72, 0.35), (-0.6, -0.4)),
    _blob("belly", (0.1, -0.2), (0.72, 0.1), (0.7, 0.7), (0.2, 1.25), (-0.18, 0.8), (-0.22, 0.1)),
    _blob("head", (-0.66, -1.52), (-0.4, -1.34), (0.1, -1.36), (0.56, -1.34), (0.86, -1.52),
          (0.9, -0.95), (0.66, -0.42), (0.1, -0.26), (-0.5, -0.42), (-0.72, -0.95), joint="head"),
    _blob("cap", (-0.9, -1.7), (0.1, -1.5), (1.1, -1.7), (0.8, -1.2), (0.14, -0.86), (-0.55, -1.2),
          joint="head"),
    _ball("face", -0.22, -0.84, 0.36, 0.36, "head"), _ball("face", 0.46, -0.84, 0.36, 0.36, "head"),
    _ball("glint", -0.2, -0.86, 0.25, 0.25, "head"),
    _ball("glint", 0.46, -0.86, 0.25, 0.25, "head"),
    _ball("eye", -0.16, -0.86, 0.15, 0.15, "head"), _ball("eye", 0.5, -0.86, 0.15, 0.15, "head"),
    _corners("beak", (0.0, -0.78), (0.3, -0.78), (0.16, -0.44), joint="head"),
    _blob("wing", (-0.5, -0.42), (-0.2, -0.1), (-0.2, 0.5), (-0.55, 1.05), (-0.86, 0.6),
          (-0.8, -0.1), joint="wing"),
    _blob("bar", (-1.0, 0.3), (-0.1, 0.3), (-0.1, 0.62), (-1.0, 0.62), joint="wing"),
), nape=(0.1, -0.4), shoulder=(-0.5, -0.1), raised=1.75, reach=1.4)

_HERON = Silhouette((
    _foot(-0.12, 0.2, 1.72, 0.24, 0.1),
    _corners("legs", (0.1, 0.2), (0.2, 0.2), (0.36, 0.9), (0.26, 1.5), (0.5, 1.55), (0.5, 1.62),
             (0.08, 1.62), (0.16, 1.5), (0.25, 0.92)),
    _blob("tail", (-0.6, 0.1), (-1.12, 0.42), (-1.2, 0.62), (-0.6, 0.45)),
    _blob("body", (-0.85, 0.2), (-0.4, -0.22), (0.2, -0.34), (0.56, -0.1), (0.46, 0.26),
          (0.0, 0.46), (-0.5, 0.46)),
    _limb("neck", (0.42, 0.2), (0.3, 0.1), (0.62, -0.3), (0.42, -0.8), (0.26, -1.2), (0.46, -1.56)),
    _blob("belly", (0.75, -0.2), (0.5, -0.2), (0.3, 0.1), (-0.5, 0.3), (-0.5, 0.7), (0.7, 0.4)),
    _blob("beak", (0.66, -1.72), (1.1, -1.62), (1.62, -1.5), (1.1, -1.48), (0.66, -1.5),
          joint="head"),
    _blob("head", (0.2, -1.62), (0.42, -1.82), (0.72, -1.74), (0.8, -1.58), (0.5, -1.42),
          (0.28, -1.44), joint="head"),
    _limb("head", (0.12, 0.05), (0.36, -1.72), (0.1, -1.66), (-0.2, -1.46), joint="head"),
    _blob("cap", (-0.3, -1.4), (0.2, -1.6), (0.9, -1.66), (0.8, -2.0), (0.2, -2.0), joint="head"),
    _ball("face", 0.66, -1.5, 0.16, 0.12, "head"),
    *_eye(0.58, -1.65, 0.075),
    _blob("wing", (0.3, -0.24), (0.3, 0.02), (-0.1, 0.24), (-0.7, 0.4), (-1.16, 0.5), (-0.7, 0.0),
          (-0.2, -0.24), joint="wing"),
    _blob("bar", (-0.3, -0.4), (0.0, -0.4), (-0.2, 0.4), (-0.55, 0.5), joint="wing"),
), nape=(0.4, -1.45), shoulder=(0.1, -0.1), raised=1.35, reach=1.15)

_SPARROW = Silhouette((
    _foot(-0.12, 0.6, 1.18, 0.2, 0.08), _foot(0.22, 0.6, 1.14, 0.2, 0.08),
    _corners("tail", (-0.6, 0.0), (-1.62, -0.38), (-1.7, -0.08), (-1.5, 0.04), (-0.6, 0.42)),
    _blob("body", (-0.95, 0.05), (-0.5, -0.34), (0.1, -0.55), (0.66, -0.3), (0.86, 0.16),
          (0.6, 0.62), (0.05, 0.8), (-0.55, 0.56)),
    _blob("belly", (1.0, 0.0), (0.5, 0.1), (0.1, 0.42), (-0.5, 0.42), (-0.5, 1.0), (0.6, 1.0)),
    _blob("beak", (0.86, -0.76), (1.12, -0.6), (1.26, -0.48), (1.08, -0.42), (0.86, -0.4),
          joint="head"),
    _ball("head", 0.5, -0.56, 0.5, 0.48, "head"),
    _blob("cap", (-0.2, -0.5), (0.4, -0.62), (1.2, -0.8), (1.0, -1.3), (0.0, -1.3), joint="head"),
    _ball("face", 0.52, -0.36, 0.27, 0.22, "head"),
    *_eye(0.68, -0.64, 0.1),
    _blob("wing", (0.3, -0.14), (0.34, 0.14), (0.0, 0.42), (-0.6, 0.36), (-1.2, 0.06),
          (-0.5, -0.16), joint="wing"),
    _blob("bar", (-0.2, -0.3), (0.1, -0.3), (-0.2, 0.6), (-0.5, 0.6), joint="wing"),
), nape=(0.4, -0.3), shoulder=(0.05, 0.02), raised=0.9, reach=1.2)

_PENGUIN = Silhouette((
    _blob("legs", (-0.35, 1.1), (0.1, 1.16), (0.16, 1.36), (-0.4, 1.36)),
    _blob("legs", (0.1, 1.1), (0.5, 1.16), (0.66, 1.36), (0.06, 1.36)),
    _corners("tail", (-0.4, 0.8), (-0.86, 1.3), (-0.3, 1.2)),
    _blob("body", (-0.1, -0.9), (0.34, -0.62), (0.62, 0.1), (0.58, 0.85), (0.2, 1.26),
          (-0.3, 1.22), (-0.62, 0.7), (-0.56, -0.1)),
    _blob("belly", (0.6, -0.7), (0.16, -0.42), (0.0, 0.3), (0.1, 0.95), (0.3, 1.4), (1.0, 1.0),
          (1.0, -0.2)),
    _blob("beak", (0.36, -1.2), (0.66, -1.12), (0.94, -0.96), (0.62, -0.92), (0.36, -0.94),
          joint="head"),
    _ball("head", 0.1, -1.02, 0.44, 0.44, "head"),
    _blob("cap", (-0.5, -1.0), (0.1, -1.14), (0.7, -1.24), (0.4, -1.7), (-0.4, -1.7), joint="head"),
    _ball("face", 0.2, -0.86, 0.2, 0.22, "head"),
    *_eye(0.27, -1.1, 0.09),
    _blob("wing", (-0.22, -0.5), (0.02, -0.2), (-0.1, 0.4), (-0.4, 0.82), (-0.56, 0.7),
          (-0.5, 0.0), joint="wing"),
    _blob("bar", (-0.8, 0.34), (0.1, 0.34), (0.1, 0.64), (-0.8, 0.64), joint="wing"),
), nape=(0.05, -0.75), shoulder=(-0.2, -0.32), raised=1.25, reach=1.25)

_PARROT = Silhouette((
    _corners("tail", (-0.5, 0.5), (-1.1, 1.95), (-0.82, 2.1), (-0.1, 0.8)),
    _corners("tail", (-0.45, 0.6), (-0.72, 2.2), (-0.5, 2.24), (0.1, 0.8)),
    _ball("legs", 0.02, 0.92, 0.13, 0.16), _ball("legs", 0.3, 0.88, 0.13, 0.16),
    _blob("body", (0.0, -0.9), (0.5, -0.62), (0.72, -0.05), (0.52, 0.6), (0.12, 0.9), (-0.36, 0.86),
          (-0.56, 0.4), (-0.42, -0.4)),
    _blob("belly", (0.5, -0.5), (0.4, 0.0), (0.1, 0.5), (-0.1, 1.1), (0.7, 1.1), (1.1, -0.1)),
    _ball("head", 0.2, -0.98, 0.52, 0.5, "head"),
    _blob("beak", (0.5, -1.28), (0.84, -1.22), (0.98, -0.92), (0.84, -0.6), (0.74, -0.82),
          (0.5, -0.84), joint="head"),
    _blob("cap", (-0.5, -1.0), (0.2, -1.16), (1.0, -1.3), (0.7, -1.8), (-0.5, -1.8), joint="head"),
    _ball("face", 0.42, -0.98, 0.26, 0.28, "head"),
    *_eye(0.38, -1.1, 0.1),
    _blob("wing", (-0.1, -0.46), (0.3, -0.1), (0.16, 0.42), (-0.3, 0.9), (-0.72, 1.3),
          (-0.66, 0.5), (-0.48, -0.2), joint="wing"),
    _blob("bar", (-1.0, 0.3), (0.4, 0.1), (0.4, 0.45), (-1.0, 0.72), joint="wing"),
), nape=(0.1, -0.7), shoulder=(-0.1, -0.2), raised=1.5, reach=1.15)

_SWAN = Silhouette((
    _blob("tail", (-0.8, 0.2), (-1.3, -0.05), (-1.55, -0.02), (-1.2, 0.45), (-0.8, 0.6)),
    _blob("body", (-1.15, 0.2), (-0.6, -0.12), (0.1, -0.1), (0.66, 0.1), (0.78, 0.5), (0.5, 0.84),
          (-0.2, 0.96), (-0.9, 0.8)),
    _limb("neck", (0.4, 0.26), (0.42, 0.56), (0.66, 0.2), (0.62, -0.3), (0.36, -0.85),
          (0.48, -1.32), (0.72, -1.42)),
    _blob("belly", (1.1, 0.3), (0.5, 0.5), (-0.3, 0.7), (-1.0, 0.6), (-0.9, 1.2), (0.7, 1.2)),
    _blob("beak", (0.98, -1.52), (1.26, -1.34), (1.44, -1.16), (1.2, -1.14), (0.94, -1.26),
          joint="head"),
    _ball("head", 0.78, -1.4, 0.3, 0.25, "head"),
    _blob("cap", (0.4, -1.36), (0.8, -1.44), (1.2, -1.56), (1.0, -1.9), (0.4, -1.9), joint="head"),
    _ball("face", 0.98, -1.36, 0.18, 0.12, "head"),
    *_eye(0.86, -1.46, 0.07),
    _blob("wing", (0.36, 0.1), (0.34, 0.42), (-0.1, 0.66), (-0.8, 0.56), (-1.5, 0.0),
          (-1.2, -0.26), (-0.5, -0.36), (0.1, -0.16), joint="wing"),
    _blob("bar", (-0.5, -0.5), (-0.2, -0.5), (-0.4, 0.8), (-0.75, 0.8), joint="wing"),
), nape=(0.6, -1.36), shoulder=(0.1, 0.25), raised=0.75, reach=1.05)

_HUMMINGBIRD = Silhouette((
    _corners("tail", (-0.2, 0.5), (-0.95, 1.15), (-0.72, 1.2), (-0.66, 1.38), (-0.46, 1.3),
             (0.15, 0.7)),
    _blob("body", (0.1, -0.62), (0.42, -0.36), (0.5, 0.05), (0.3, 0.5), (-0.1, 0.8), (-0.4, 0.84),
          (-0.38, 0.4), (-0.26, -0.2)),
    _blob("belly", (0.7, -0.3), (0.3, -0.1), (0.12, 0.3), (-0.2, 0.7), (0.0, 1.1), (0.7, 0.5)),
    _limb("beak", (0.16, 0.05), (0.4, -0.72), (1.0, -0.86), (1.56, -0.92), joint="head"),
    _ball("head", 0.22, -0.68, 0.36, 0.34, "head"),
    _blob("cap", (-0.2, -0.66), (0.2, -0.76), (0.8, -0.8), (0.6, -1.2), (-0.2, -1.2), joint="head"),
    _ball("face", 0.34, -0.52, 0.24, 0.18, "head"),
    *_eye(0.34, -0.74, 0.08),
    _blob("wing", (0.16, -0.36), (0.22, 0.0), (-0.3, 0.2), (-1.0, 0.1), (-1.5, -0.26),
          (-0.8, -0.34), joint="wing"),
    _blob("bar", (-0.6, -0.6), (-0.3, -0.6), (-0.5, 0.4), (-0.8, 0.4), joint="wing"),
), nape=(0.16, -0.5), shoulder=(0.05, -0.2), raised=1.0, reach=1.1)
# fmt: on

SHAPES: dict[str, Silhouette] = {
    "duck": _DUCK,
    "owl": _OWL,
    "heron": _HERON,
    "sparrow": _SPARROW,
    "penguin": _PENGUIN,
    "parrot": _PARROT,
    "swan": _SWAN,
    "hummingbird": _HUMMINGBIRD,
}
