"""A transformer that joined a zoo, beside one that was trained with all others from the start.

    python benchmarks/joining.py        # the released files: minutes on two cores

Every single edit, pair and triple in every order, on drawn portraits with their exact
counterfactuals. That the old parts keep their bits is tests/test_join.py's.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from portraits import Drawn, measure, write

import modgan
from modgan.metrics.editors import modular

HERE = Path(__file__).parent / "zoos"


def page(scores: dict[str, Any], new: str, names: list[str], what: str) -> str:
    """Joined beside joint, for every set with the new attribute, and the old ones alone."""
    lines = [
        "| edits | orders | error %, joined | spread | error %, joint | spread "
        "| inside of copying, joined | joint | outside, joined | joint |",
        "|---" * 10 + "|",
    ]
    joined, joint = scores["joined"], scores["joint"]
    for chosen in sorted(joined, key=lambda text: new not in text.split("+")):
        a, b = joined[chosen], joint[chosen]
        copied = (f"{row['inside'] / row['inside_copy']:.2f}" for row in (a, b))
        lines.append(
            f"| {chosen} | {a['orders']} | {100 * a['error']:.1f} | {100 * a['spread']:.1f} "
            f"| {100 * b['error']:.1f} | {100 * b['spread']:.1f} | {' | '.join(copied)} "
            f"| {a['outside']:.1f} | {b['outside']:.1f} |"
        )
    return f"""{what}.

"joined": T_{new} was trained into a zoo of {", ".join(names)} that had never seen {new}; "joint": a
zoo that was trained on all of them at once. Errors inside the truly changed pixels are relative to
doing nothing, those outside are grey levels of 255.

{chr(10).join(lines)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", default=HERE / "modulargan.safetensors", help="the zoo joined")
    parser.add_argument("--part", default=HERE / "T_beard.safetensors", help="the new part's file")
    parser.add_argument("--joint", default="portraits", help="the zoo of a training on everything")
    parser.add_argument("--judge", default="portraits_judge")
    parser.add_argument("-n", type=int, default=500, help="test portraits")
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--out", type=Path, default=Path("docs/results/joining"))
    given = parser.parse_args()
    zoo, part = modgan.load(given.zoo), modgan.load(given.part)
    merged, joint, judge = zoo | part, modgan.load(given.joint), modgan.load(given.judge)["Q"]
    (new,) = (name.removeprefix("T_") for name in part)
    old = [name.removeprefix("T_") for name in zoo if name.startswith("T_")]
    test = Drawn(given.n, zoo["E"].inputs["image"].shape[-1], given.seed)
    scores = {
        name: measure(modular(parts, test.attributes), judge, test, [*old, new])
        for name, parts in (("joined", merged), ("joint", joint))
    }
    what = f"n = {given.n}, {test.what}, `python benchmarks/joining.py -n {given.n}`"
    write(given.out, page(scores, new, old, what), scores)


if __name__ == "__main__":
    main()
