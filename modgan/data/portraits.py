"""Avatar portraits drawn from numbers: endless pictures with exact attributes and edits.

Picture i of a seed is a function of (seed, i). Attributes and everything else about a person are
drawn from different streams, so an edited picture differs from its source by the edit alone.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from modgan.data.portrait_parts import (
    BACKDROPS,
    CLOTHES,
    HAIR_STYLES,
    Colour,
    Pen,
    Points,
    clear,
    draw_hair,
    mix,
    open_curve,
    shade,
)

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "hair": ("black", "blond", "brown", "red"),
    "smile": ("no", "yes"),
    "glasses": ("no", "yes"),
    "beard": ("no", "yes"),
}

_HAIR: dict[str, Colour] = {
    "black": (38, 34, 43),
    "blond": (240, 203, 98),
    "brown": (122, 74, 39),
    "red": (208, 67, 42),
}
_SKINS = np.array(
    [(255, 224, 200), (246, 207, 174), (236, 184, 146), (210, 148, 106), (156, 104, 70),
     (112, 74, 52)]
)  # fmt: skip
_EYES: tuple[Colour, ...] = (
    (84, 56, 38), (58, 42, 34), (70, 130, 180), (92, 140, 84), (120, 110, 150), (40, 120, 125),
)  # fmt: skip
_INK: Colour = (40, 34, 44)
_WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Person:
    """Everything about a portrait that is not an attribute; lengths in half face heights."""

    skin: Colour
    width: float
    jaw: float
    square: float
    centre: tuple[float, float]  # of the neck, unit square
    scale: float  # half a face height, unit square
    tilt: float  # radians
    yaw: float  # [-1, 1], positive looks to the right
    flip: float  # -1 or 1, mirrors the hair
    hair: str
    volume: float
    hair_gain: float
    eyes: str
    eye_colour: Colour
    eye_size: float
    eye_gap: float
    eye_height: float
    lashes: bool
    brow_arch: float
    brow_slant: float
    brow_width: float
    nose: str
    nose_size: float
    ears: float
    lips: float
    blush: float
    freckles: bool
    earrings: bool
    clothes: str
    cloth: Colour
    cloth_extra: Colour
    backdrop: str
    wall: Colour
    wall_extra: Colour
    wall_shape: tuple[float, ...]
    light_turn: float  # radians
    light_gain: float
    light_tint: tuple[float, float, float]


def attributes_of(seed: int, index: int) -> dict[str, str]:
    """The labels of picture `index`: independent, each equally likely."""
    rng = np.random.default_rng([seed, index, 0])
    return {name: labels[int(rng.integers(len(labels)))] for name, labels in ATTRIBUTES.items()}


def _hsv(h: float, s: float, v: float) -> Colour:
    return tuple(round(255 * x) for x in colorsys.hsv_to_rgb(h % 1.0, s, v))


def _pick(rng: np.random.Generator, names: Iterable[str]) -> str:
    choices = tuple(names)
    return choices[int(rng.integers(len(choices)))]


def person_of(seed: int, index: int) -> Person:
    """Who picture `index` shows, whatever its attributes."""
    rng = np.random.default_rng([seed, index, 1])
    u = rng.uniform
    depth = u(0, len(_SKINS) - 1.001)
    low = int(depth)
    skin = mix(tuple(_SKINS[low]), tuple(_SKINS[low + 1]), depth - low)
    hue, wall_hue = u(), u()
    warm = u(-0.035, 0.035)
    return Person(
        skin=tuple(int(np.clip(c + d, 0, 255)) for c, d in zip(skin, u(-5, 5, 3), strict=True)),
        width=u(0.76, 0.92),
        jaw=u(0.0, 0.24),
        square=u(0.78, 1.0),
        centre=(u(0.45, 0.55), u(0.71, 0.755)),
        scale=u(0.275, 0.315),
        tilt=np.deg2rad(u(-12, 12)),
        yaw=u(-1, 1),
        flip=1.0 if u() < 0.5 else -1.0,
        hair=_pick(rng, HAIR_STYLES),
        volume=u(0.95, 1.1),
        hair_gain=u(0.92, 1.08),
        eyes=_pick(rng, ("round", "almond", "dot")),
        eye_colour=_EYES[int(rng.integers(len(_EYES)))],
        eye_size=u(0.85, 1.15),
        eye_gap=u(0.34, 0.41),
        eye_height=u(-0.02, 0.08),
        lashes=bool(u() < 0.4),
        brow_arch=u(0.0, 0.07),
        brow_slant=u(0.02, 0.07),
        brow_width=u(0.05, 0.1),
        nose=_pick(rng, ("button", "hook", "wedge", "nostrils")),
        nose_size=u(0.8, 1.2),
        ears=u(0.8, 1.2),
        lips=u(0.1, 0.5),
        blush=max(0.0, u(-0.4, 0.3)),
        freckles=bool(u() < 0.15),
        earrings=bool(u() < 0.2),
        clothes=_pick(rng, CLOTHES),
        cloth=_hsv(hue, u(0.1, 0.7), u(0.3, 0.92)),
        cloth_extra=_hsv(hue + u(0.3, 0.7), u(0.05, 0.45), u(0.75, 1.0)),
        backdrop=_pick(rng, ("plain", *BACKDROPS)),
        wall=_hsv(wall_hue, u(0.15, 0.45), u(0.7, 0.92)),
        wall_extra=_hsv(wall_hue + u(-0.1, 0.1), u(0.1, 0.42), u(0.7, 0.96)),
        wall_shape=tuple(float(x) for x in u(0, 1, 3)),
        light_turn=u(-np.pi, 0),
        light_gain=u(0.04, 0.14),
        light_tint=(1 + warm, 1.0, 1 - warm),
    )


# --- the face: frame at its middle, chin at (0, 1), x in half face heights --------------------


def _outline(p: Person, low: float = -np.pi, high: float = np.pi) -> Points:
    """Points on the edge of the face; turn 0 is the chin, positive turns go to the right."""
    turn = np.linspace(low, high, 44)
    x, y = np.sin(turn), np.cos(turn)
    x = np.sign(x) * np.abs(x) ** p.square * (1 - p.jaw * np.maximum(y, 0) ** 1.5)
    return np.stack([p.width * x, y], axis=1)


def _draw_ears(pen: Pen, p: Person) -> None:
    for side in (-1, 1):
        x = side * (p.width + 0.04) - 0.07 * p.yaw
        pen.ball(x, 0.1, 0.15 * p.ears, 0.21 * p.ears, shade(p.skin, 0.95))
        pen.ball(x + 0.02 * side, 0.1, 0.08 * p.ears, 0.13 * p.ears, shade(p.skin, 0.8))
        if p.earrings:
            pen.ball(x + 0.02 * side, 0.12 + 0.21 * p.ears, 0.055, 0.055, (250, 206, 92))


def _draw_head(pen: Pen, p: Person) -> None:
    pen.polygon(_outline(p), p.skin)
    side = -1.0 if np.cos(p.light_turn) > 0 else 1.0  # the cheek away from the light
    edge = _outline(p, 0.1, 2.7) * (side, 1)
    inner = _outline(p, 0.1, 2.7)[::-1] * (side * 0.8, 0.97)
    pen.polygon(np.concatenate([edge, inner]), shade(p.skin, 0.91))
    if p.freckles:
        for x, y in ((0.3, 0.3), (0.42, 0.26), (0.5, 0.34), (0.38, 0.38)):
            for s in (-1, 1):
                pen.ball(s * x + 0.1 * p.yaw, y, 0.022, 0.022, shade(p.skin, 0.75))


def _beard_colour(p: Person) -> Colour:
    return mix(shade(p.skin, 0.3), (62, 38, 26), 0.6)


def _draw_beard(pen: Pen, p: Person) -> None:
    """A full beard along the jaw with a moustache and a bare patch for the mouth."""
    colour = _beard_colour(p)
    edge = _outline(p, -1.55, 1.55) * (1.03, 1.1)
    cheeks = open_curve(
        [(0.9 * p.width, 0.02), (0.8 * p.width, 0.3), (0.52, 0.42), (0.2, 0.36), (0, 0.42),
         (-0.2, 0.36), (-0.52, 0.42), (-0.8 * p.width, 0.3), (-0.9 * p.width, 0.02)]
    )  # fmt: skip
    pen.polygon(np.concatenate([edge, cheeks]), colour)


def _draw_mouth(pen: Pen, p: Person, smile: bool, beard: bool) -> None:
    m = pen.frame((0.11 * p.yaw, 0.6))
    rose = mix(p.skin, (190, 62, 72), 0.45 + 0.4 * p.lips)
    if beard:
        m.blob([(0, -0.09), (0.3, -0.08), (0.38, 0.02), (0.2, 0.16), (0, 0.2), (-0.2, 0.16),
                (-0.38, 0.02), (-0.3, -0.08)], p.skin)  # fmt: skip
    if not smile:
        m.blob([(-0.2, 0.0), (-0.08, -0.045), (0, -0.03), (0.08, -0.045), (0.2, 0.0), (0.1, 0.09),
                (-0.1, 0.09)], rose)  # fmt: skip
        m.line([(-0.22, -0.01), (0, 0.025), (0.22, -0.01)], 0.05, mix(rose, (70, 20, 30), 0.6))
        return
    bow = open_curve([(-0.41, -0.12), (-0.2, -0.07), (0, -0.05), (0.2, -0.07), (0.41, -0.12)])
    low = open_curve([(0.41, -0.12), (0.3, 0.12), (0, 0.25), (-0.3, 0.12), (-0.41, -0.12)])
    m.polygon(np.concatenate([bow, low]), (112, 28, 40))
    m.ball(0, 0.16, 0.17, 0.07, (226, 104, 108))
    teeth = open_curve([(0.38, -0.11), (0.26, 0.02), (0, 0.07), (-0.26, 0.02), (-0.38, -0.11)])
    m.polygon(np.concatenate([bow, teeth]), _WHITE)
    m.line(np.concatenate([bow, low])[::3], 0.035, mix(rose, (90, 20, 30), 0.5))


def _draw_cheeks(pen: Pen, p: Person, smile: bool) -> None:
    glow = p.blush + 0.3 * smile
    if glow > 0.02:
        for side in (-1, 1):
            pen.ball(side * 0.5 + 0.06 * p.yaw, 0.36, 0.17, 0.11, clear((232, 84, 84), glow))


def _draw_nose(pen: Pen, p: Person) -> None:
    n = pen.frame((0.15 * p.yaw, 0.28), (p.nose_size, p.nose_size))
    dark = shade(p.skin, 0.76)
    if p.nose == "button":
        n.ball(0, 0.02, 0.12, 0.09, dark)
        n.ball(0, -0.01, 0.115, 0.085, shade(p.skin, 1.04))
    elif p.nose == "hook":
        n.line([(-0.02, -0.2), (0.08, 0.0), (0.1, 0.07), (-0.06, 0.09)], 0.05, dark)
    elif p.nose == "wedge":
        n.polygon([(0, -0.24), (0.12, 0.08), (-0.1, 0.08)], shade(p.skin, 0.86))
    else:
        n.line([(-0.12, 0.05), (-0.05, 0.09), (0, 0.07), (0.05, 0.09), (0.12, 0.05)], 0.05, dark)


def _draw_eyes(pen: Pen, p: Person) -> None:
    dark = mix(shade(p.skin, 0.25), (44, 30, 30), 0.5)
    for side in (-1, 1):
        far = 1 - 0.1 * max(0.0, side * p.yaw)  # the far eye is narrower
        e = pen.frame(
            (side * p.eye_gap + 0.1 * p.yaw, p.eye_height), (side * far * p.eye_size, p.eye_size)
        )
        look = side * 0.03 * p.yaw
        if p.eyes != "dot":
            lid = 0.125 if p.eyes == "almond" else 0.16
            e.blob([(-0.18, 0.03), (-0.08, -0.8 * lid), (0.08, -lid), (0.19, -0.03),
                    (0.1, 0.7 * lid), (-0.07, 0.75 * lid)], _WHITE)  # fmt: skip
        size = {"dot": 0.11, "almond": 0.115, "round": 0.13}[p.eyes]
        e.ball(look, -0.01, size, size * 1.12, p.eye_colour if p.eyes != "dot" else dark)
        e.ball(look, -0.01, 0.55 * size, 0.62 * size, (24, 20, 26))
        e.ball(look + 0.035 * side, -0.055, 0.032, 0.032, _WHITE)
        if p.eyes != "dot":
            e.line([(-0.19, 0.02), (-0.08, -0.85 * lid), (0.08, -lid), (0.2, -0.04)], 0.045, dark)
        if p.lashes:
            e.line([(0.13, -0.1), (0.24, -0.15)], 0.045, dark)


def _draw_brows(pen: Pen, p: Person) -> None:
    colour = mix(shade(p.skin, 0.3), (50, 34, 30), 0.6)
    y = p.eye_height - 0.29
    for side in (-1, 1):
        b = pen.frame((side * p.eye_gap + 0.1 * p.yaw, y), (side, 1.0))
        b.line([(-0.17, 0.03 - p.brow_slant), (0.02, -p.brow_arch), (0.2, 0.04 + p.brow_slant)],
               p.brow_width, colour)  # fmt: skip


def _draw_glasses(pen: Pen, p: Person) -> None:
    """Round dark frames with clear lenses and a glint."""
    x0, y0 = 0.1 * p.yaw, p.eye_height + 0.01
    turns = np.linspace(0, 2 * np.pi, 37)
    ring = np.stack([0.29 * np.cos(turns), 0.27 * np.sin(turns)], axis=1)
    rim = np.concatenate([1.13 * ring, 0.87 * ring[::-1]])
    for side in (-1, 1):
        x = x0 + side * (p.eye_gap + 0.005)
        pen.line([(x + 0.29 * side, y0 - 0.04), (side * (p.width + 0.02), y0 - 0.02)], 0.06, _INK)
        pen.ball(x, y0, 0.29, 0.27, clear(_WHITE, 0.16))
        pen.line([(x - 0.18, y0 + 0.06), (x - 0.04, y0 - 0.16)], 0.04, clear(_WHITE, 0.8))
        pen.frame((x, y0)).polygon(rim, _INK)
    gap = p.eye_gap - 0.28
    pen.line([(x0 - gap, y0 - 0.03), (x0, y0 - 0.07), (x0 + gap, y0 - 0.03)], 0.07, _INK)


# --- the picture ------------------------------------------------------------------------------


def _draw_face(pen: Pen, p: Person, labels: dict[str, str]) -> None:
    beard, smile = labels["beard"] == "yes", labels["smile"] == "yes"
    _draw_ears(pen, p)
    _draw_head(pen, p)
    _draw_cheeks(pen, p, smile)
    if beard:
        _draw_beard(pen, p)
    _draw_nose(pen, p)
    _draw_mouth(pen, p, smile, beard)
    _draw_eyes(pen, p)
    _draw_brows(pen, p)


def draw_person(page: Pen, p: Person, labels: dict[str, str]) -> None:
    """Draw a person on a page whose frame is the unit square."""
    body = page.frame(p.centre, (p.scale, p.scale))
    head = body.frame((0, 0), tilt=p.tilt).frame((0, -0.85))
    hair = head.frame((0, 0), (p.flip * p.width, 1.0))
    base = shade(_HAIR[labels["hair"]], p.hair_gain)
    tones = {"base": base, "dark": shade(base, 0.78), "light": mix(base, _WHITE, 0.22)}
    style = HAIR_STYLES[p.hair]
    draw_hair(hair, style.back, tones, p.volume)
    CLOTHES[p.clothes](body, p.cloth, p.cloth_extra, p.skin)
    _draw_face(head, p, labels)
    fall = hair.frame((0, 0.055), (0.97, 1.0))
    draw_hair(fall, style.brim, {"base": shade(p.skin, 0.74)}, p.volume)
    draw_hair(hair, style.front, tones, p.volume)
    if labels["glasses"] == "yes":
        _draw_glasses(head, p)


def _paint(p: Person, labels: dict[str, str], pixels: int) -> Image.Image:
    canvas = Image.new("RGB", (pixels, pixels), p.wall)
    page = Pen(ImageDraw.Draw(canvas, "RGBA"), np.zeros(2), np.eye(2) * pixels)
    if p.backdrop != "plain":
        BACKDROPS[p.backdrop](canvas, page, p.wall_extra, p.wall_shape)
    draw_person(page, p, labels)
    return canvas


def _lit(image: Image.Image, p: Person) -> Image.Image:
    """Light falling across the picture, brighter towards `light_turn`."""
    at = np.linspace(-1, 1, image.width, dtype=np.float32)
    fall = 1 + p.light_gain * (
        np.cos(p.light_turn) * at[None, :] + np.sin(p.light_turn) * at[:, None]
    )
    light = fall[:, :, None] * np.array(p.light_tint, dtype=np.float32)
    lit = np.asarray(image, dtype=np.float32) * light
    return Image.fromarray(np.clip(lit + 0.5, 0, 255).astype(np.uint8))


def check(changed: dict[str, str]) -> None:
    """Refuse attributes and labels that do not exist."""
    for name, label in changed.items():
        if name not in ATTRIBUTES:
            raise ValueError(f"no attribute {name!r}; there are {', '.join(ATTRIBUTES)}")
        if label not in ATTRIBUTES[name]:
            exist = ", ".join(ATTRIBUTES[name])
            raise ValueError(f"{name} has no label {label!r}; it has {exist}")


def draw(seed: int, index: int, size: int = 64, **changed: str) -> Image.Image:
    """Picture `index`, RGB of `size`², with some attributes changed and all else the same."""
    check(changed)
    person = person_of(seed, index)
    fine = 4 if size <= 128 else 3
    image = _paint(person, attributes_of(seed, index) | changed, fine * size)
    return _lit(image.reduce(fine), person)


class Portraits:
    """A data set of portraits; picture i is a function of (seed, i)."""

    def __init__(self, count: int, size: int = 64, seed: int = 0) -> None:
        self.count, self.size, self.seed = count, size, seed
        self.attributes = dict(ATTRIBUTES)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """One picture, uint8 (3, H, W), and its labels, int64 (A,), as positions."""
        labels = attributes_of(self.seed, self._checked(index))
        places = [ATTRIBUTES[name].index(label) for name, label in labels.items()]
        return self.counterfactual(index), torch.tensor(places, dtype=torch.int64)

    def counterfactual(self, index: int, **changed: str) -> Tensor:
        """Picture `index` with some attributes changed, uint8 (3, H, W)."""
        image = draw(self.seed, self._checked(index), self.size, **changed)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.count:
            raise IndexError(f"picture {index} of {self.count}")
        return int(index)
