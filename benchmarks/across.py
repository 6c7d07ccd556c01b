"""T_smile in MUNIT's content space: smiling pictures of neutral sketches, and the other way.

    python benchmarks/across.py --zoo MUNIT.safetensors --part T_smile.safetensors

The zoo has the domains sketch and picture of drawn portraits, the part was trained into it by
recipes/smiling_sketches.py. The judge reads pictures drawn of test sketches, and of test pictures,
with T_smile and without. Within a domain the edits are compared with the exact counterfactuals.
Writes a figure, JSON and tables.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from portraits import write
from torch import Tensor

import modgan
from modgan.data.images import batch, normalise, sheet
from modgan.data.portrait_sketches import PortraitSketches, sketch
from modgan.data.portraits import ATTRIBUTES, Portraits, attributes_of, draw
from modgan.files import replacing
from modgan.metrics.editors import crossing
from modgan.metrics.edits import accuracy, read, score

HERE = Path(__file__).parent / "zoos"
DATA = {"sketch": PortraitSketches, "picture": Portraits}
SMILE, *OTHERS = (list(ATTRIBUTES).index(name) for name in ("smile", "glasses", "beard"))
ROWS = 6  # of the figure


@dataclass(frozen=True, slots=True)
class Test:
    """Test pictures (B, 3, H, W) of a domain, their labels (B, A), and the truth of the edit."""

    domain: str
    pictures: Tensor
    labels: Tensor
    wanted: Tensor  # the labels with the other smile
    truth: Tensor  # what that looks like exactly


def drawn(domain: str, count: int, size: int, seed: int) -> Test:
    """The first test pictures of a domain; both domains show the same people."""
    data = DATA[domain](count, size, seed)
    pictures, labels = batch(data, range(count))
    wanted = labels.clone()
    wanted[:, SMILE] = 1 - labels[:, SMILE]
    smiles = [ATTRIBUTES["smile"][label] for label in wanted[:, SMILE].tolist()]
    truth = torch.stack([data.counterfactual(i, smile=to) for i, to in enumerate(smiles)])
    return Test(domain, pictures, labels, wanted, normalise(truth))


def readings(judge: modgan.Component, pictures: Tensor, wanted: Tensor, was: Tensor) -> Any:
    """The shares of pictures that are not read as wanted, for people by the smile they had."""
    wrong = (read(judge, pictures) != wanted).float()
    smiled = was[:, SMILE] == 1
    names = list(ATTRIBUTES)
    return {
        "neutral": wrong[~smiled, SMILE].mean().item(),
        "smiling": wrong[smiled, SMILE].mean().item(),
        **{names[k]: wrong[:, k].mean().item() for k in OTHERS},
    }


def measure(zoo: modgan.Zoo, judge: modgan.Component, test: Test) -> dict[str, Any]:
    """What is read from pictures drawn of a domain; how far edits within it are from the truth."""
    x, labels, wanted = test.pictures, test.labels, test.wanted
    edit = crossing(zoo, ATTRIBUTES, test.domain, "picture")
    within = crossing(zoo, ATTRIBUTES, test.domain, test.domain)
    results: dict[str, Any] = {"neutral ones": int((labels[:, SMILE] == 0).sum())}
    for title, names, goal in (("without", (), labels), ("with", ("smile",), wanted)):
        results[title] = readings(judge, edit(names, x, goal)["image"], goal, labels)
        rows = score(within(names, x, goal), x, {"smile": test.truth}, test.truth, judge, goal)
        results[title] |= {"inside": rows.inside, "outside": rows.outside}
        results |= {"copying": rows.inside_copy, "mask": rows.masks.get("smile")}
    return results


def page(results: dict[str, Any], real: dict[str, float], what: str) -> str:
    """The tables, with what their columns mean."""
    read_rows, truth_rows = [], []
    for of, found in results.items():
        for title in ("without", "with"):
            keys = ("neutral", "smiling", "glasses", "beard")
            cells = (f"{100 * found[title][key]:.1f}" for key in keys)
            read_rows.append(f"| {of} | {title} | {' | '.join(cells)} |")
        inside = (found[t]["inside"] / found["copying"] for t in ("with", "without"))
        outside = (found[t]["outside"] for t in ("with", "without"))
        cells = (*(f"{value:.2f}" for value in (*inside, *outside)), f"{found['mask']:.1f}")
        truth_rows.append(f"| {of} | {' | '.join(cells)} |")
    judged = ", ".join(f"{name} {100 * value:.1f}%" for name, value in real.items())
    neutral = results["sketch"]["neutral ones"]
    newline = "\n"
    return f"""{what}; {neutral} of the people are neutral.

What the judge reads from pictures that are drawn of sketches and of pictures. Errors: with T_smile,
neutral people who are not read as smiling and smiling ones not read as neutral; without it, people
not read as they are; and all whose glasses or beard are not read as they are. Pictures of sketches
have sampled styles, pictures of pictures their own.

| picture of a | T_smile | neutral ones, error % | smiling ones, error % | glasses, error % | \
beard, error % |
|---|---|---|---|---|---|
{newline.join(read_rows)}

The judge's accuracy on the real test pictures: {judged}.

Within a domain, in the picture's own style, against the exact counterfactual: the mean absolute
difference inside the truly changed pixels, relative to doing nothing, and outside them, in grey
levels of 255. "Without" is what the zoo draws with no T_smile. The mask is its mean inside the
region of the edit over that outside.

| domain | inside, with T_smile | inside, without | outside, with T_smile | outside, without | \
mask |
|---|---|---|---|---|---|
{newline.join(truth_rows)}
"""


def row(zoo: modgan.Zoo, index: int, guide: int, size: int, seed: int) -> list[Image.Image]:
    """One neutral sketch: pictures of it without and with T_smile, guided, and as a sketch."""
    given = {"image": sketch(seed, index, size), "smile": "yes"}
    look, end = draw(seed, guide, size), ["T_picture", "R_picture"]
    smiling = modgan.compose(["E_sketch", "T_smile", *end], zoo).apply(**given, style=index)
    guided = ["E_sketch", "Q_picture: guide -> style", "T_smile", *end]
    lines = ["E_sketch", "Q_sketch: image -> style", "T_smile", "T_sketch", "R_sketch"]
    return [
        given["image"],
        modgan.compose(["E_sketch", *end], zoo).apply(image=given["image"], style=index)["image"],
        smiling["image"],
        smiling["mask_smile"].resize((size, size)),
        look,
        modgan.compose(guided, zoo).apply(**given, guide=look)["image"],
        modgan.compose(lines, zoo).apply(**given)["image"],
        sketch(seed, index, size, smile="yes"),
    ]


def figure(zoo: modgan.Zoo, size: int, seed: int) -> Image.Image:
    """The first people who do not smile, each guided by the next one."""
    neutral = [k for k in range(20 * ROWS) if attributes_of(seed, k)["smile"] == "no"][:ROWS]
    guides = [*neutral[1:], neutral[0]]
    rows = [row(zoo, *pair, size, seed) for pair in zip(neutral, guides, strict=True)]
    titles = ["sketch", "picture", "smiling", "T_smile", "guide", "guided", "sketch", "truth"]
    return sheet(rows, titles, scale=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", default=HERE / "munit_portraits.safetensors")
    parser.add_argument("--part", default=HERE / "T_smile.safetensors")
    parser.add_argument("--judge", default="portraits_judge")
    parser.add_argument("-n", type=int, default=500, help="test sketches, and as many pictures")
    parser.add_argument("--seed", type=int, default=99, help="of the test sketches and pictures")
    parser.add_argument("--out", type=Path, default=Path("docs/results/across"))
    parser.add_argument("--figure", type=Path, default=Path("docs/images/across.png"))
    given = parser.parse_args()
    zoo, judge = modgan.load(given.zoo) | modgan.load(given.part), modgan.load(given.judge)["Q"]
    size = zoo["E_sketch"].inputs["image"].shape[-1]
    tests = {of: drawn(of, given.n, size, given.seed) for of in DATA}
    real = accuracy(judge, tests["picture"].pictures, tests["picture"].labels)
    results = {of: measure(zoo, judge, test) for of, test in tests.items()}
    command = f"python benchmarks/across.py -n {given.n} --seed {given.seed}"
    what = f"n = {given.n}, drawn portraits, seed {given.seed}, `{command}`"
    write(given.out, page(results, real, what), {**results, "judge on real pictures": real})
    with replacing(given.figure) as temporary:
        figure(zoo, size, given.seed).save(temporary)


if __name__ == "__main__":
    main()
