"""The README's pictures: people the zoo never saw, edited in several orders, with the masks.

    python benchmarks/sheet.py

Writes docs/images/portraits.png (input, single edits, all three in two orders, the truth, masks)
and docs/images/portrait.png (one input, to try `modgan edit` on).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

import modgan
from modgan.data.images import sheet
from modgan.data.portraits import ATTRIBUTES, attributes_of, draw
from modgan.files import replacing

SEED = 99  # the test portraits
PEOPLE = (4, 9, 13, 21, 26, 31)
NAMES = ("hair", "smile", "glasses")
TRY = 9  # the person of portrait.png


def other(index: int, name: str) -> str:
    """The label after the one that person `index` has."""
    labels = ATTRIBUTES[name]
    return labels[(labels.index(attributes_of(SEED, index)[name]) + 1) % len(labels)]


def row(zoo: modgan.Zoo, index: int, size: int) -> list[Image.Image]:
    """One person: input, three edits, all in two orders, the truth, three masks."""
    picture, goal = draw(SEED, index, size), {name: other(index, name) for name in NAMES}
    graph = {
        order: modgan.compose(["E", *(f"T_{name}" for name in order), "R"], zoo)
        for order in (*((name,) for name in NAMES), NAMES, NAMES[::-1])
    }
    out = {
        order: g.apply(image=picture, **{name: goal[name] for name in order})
        for order, g in graph.items()
    }
    masks = [out[name,][f"mask_{name}"].resize((size, size)) for name in NAMES]
    return [
        picture,
        *(result["image"] for result in out.values()),
        draw(SEED, index, size, **goal),
        *masks,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", default="portraits")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    zoo = modgan.load(given.zoo)
    size = zoo["E"].inputs["image"].shape[-1]
    titles = ["input", *NAMES, "all three", "in reverse", "truth", *(f"T_{n}" for n in NAMES)]
    page = sheet([row(zoo, index, size) for index in PEOPLE], titles, scale=2)
    for name, picture in (("portraits", page), ("portrait", draw(SEED, TRY, 256))):
        with replacing(given.out / f"{name}.png") as temporary:
            picture.save(temporary)
            print(given.out / f"{name}.png")


if __name__ == "__main__":
    main()
