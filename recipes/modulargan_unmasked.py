"""ModularGAN without masks, a row of the paper's ablation: f_t = f′ everywhere.

    modgan train recipes/modulargan_unmasked.py            # the flags of modulargan_portraits.py
    modgan train recipes/modulargan_unmasked.py --smoke    # seconds

The other rows are weights of the recipe itself: `--w-feature 0` and `--w-image 0`.
"""

from __future__ import annotations

from dataclasses import replace

import modulargan_portraits
from modulargan_portraits import Settings
from portraits_data import labels_of

from modgan.component import Component
from modgan.components import OpenTransformer
from modgan.train import main


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name: the T's of the recipe give way to open ones."""
    made = modulargan_portraits.parts(s)
    feature = made["E"].outputs["feature"]
    for name, labels in labels_of(s).items():
        made[f"T_{name}"] = OpenTransformer(feature, name, labels, s.n_res, s.channels)
    return made


masked = modulargan_portraits.recipe
recipe = replace(masked, name="modulargan_unmasked", parts=parts, variants={})

if __name__ == "__main__":
    main(recipe)
