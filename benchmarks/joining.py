"""A part that joined a zoo, or replaced one of its parts, beside a zoo that was trained whole.

    python benchmarks/joining.py                                      # T_beard, joined
    python benchmarks/joining.py --zoo portraits --part R.safetensors --out docs/results/better_R

Every single edit, pair and triple in every order, on drawn portraits with their exact
counterfactuals. That the old parts keep their bits is tests/test_join.py's.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from portraits import Drawn, command, measure, write

import modgan
from modgan.metrics.editors import modular

HERE = Path(__file__).parent / "zoos"


def page(scores: dict[str, Any], new: str, old: list[str], what: str) -> str:
    """New beside whole, for every set of edits, those with the new part's attribute first."""
    lines = [
        f"| edits | orders | error %, with {new} | spread | error %, whole | spread "
        f"| inside of copying, with {new} | whole | outside, with {new} | whole |",
        "|---" * 10 + "|",
    ]
    with_new, whole = scores["with"], scores["whole"]
    for chosen in sorted(with_new, key=lambda text: new[2:] not in text.split("+")):
        a, b = with_new[chosen], whole[chosen]
        copied = (f"{row['inside'] / row['inside_copy']:.2f}" for row in (a, b))
        lines.append(
            f"| {chosen} | {a['orders']} | {100 * a['error']:.1f} | {100 * a['spread']:.1f} "
            f"| {100 * b['error']:.1f} | {100 * b['spread']:.1f} | {' | '.join(copied)} "
            f"| {a['outside']:.1f} | {b['outside']:.1f} |"
        )
    return f"""{what}.

"with {new}": {new} was trained for frozen {", ".join(old)}; "whole": a zoo whose parts were all
trained together. Errors inside the truly changed pixels are relative to doing nothing, those
outside are grey levels of 255.

{chr(10).join(lines)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", default=HERE / "modulargan.safetensors", help="the zoo joined")
    parser.add_argument("--part", default=HERE / "T_beard.safetensors", help="the new part's file")
    parser.add_argument("--whole", default="portraits", help="the zoo to compare with")
    parser.add_argument("--judge", default="portraits_judge")
    parser.add_argument("-n", type=int, default=500, help="test portraits")
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--out", type=Path, default=Path("docs/results/joining"))
    given = parser.parse_args()
    part = modgan.load(given.part)
    zoo = modgan.load(given.zoo, only=[name for name in modgan.load(given.zoo) if name not in part])
    merged, whole, judge = zoo | part, modgan.load(given.whole), modgan.load(given.judge)["Q"]
    (new,) = part
    names = [name.removeprefix("T_") for name in merged if name.startswith("T_")]
    test = Drawn(given.n, zoo["E"].inputs["image"].shape[-1], given.seed)
    scores = {
        label: measure(modular(parts, test.attributes), judge, test, names)
        for label, parts in (("with", merged), ("whole", whole))
    }
    keys = ("zoo", "part", "whole", "judge", "seed")
    what = f"n = {given.n}, {test.what}, `{command(given, parser, *keys)}`"
    write(given.out, page(scores, new, list(zoo), what), scores)


if __name__ == "__main__":
    main()
