"""A better reconstructor for a zoo whose space stays: E and every T keep their bits.

    modgan train recipes/upgrade_portraits.py --zoo ZOO               # drawn portraits
    modgan train recipes/upgrade_portraits.py --zoo ZOO --data DIR    # those it learned from

The new R begins as the old one, with further blocks that add nothing yet. The run writes one file
with it alone; it takes the place of the old one:
compose(steps, parts=[load(ZOO, only=["E", "T_hair"]), FILE]). A better T is `join_portraits.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import label_critics
import modulargan_portraits
import portraits_data
import torch
from join_portraits import zoo
from label_critics import Parts, Terms, fool
from portraits_data import found, labels_of
from portraits_judge import sampling, scoring

from modgan.card import Card
from modgan.component import Component
from modgan.components import LabelDiscriminator, PatchReconstructor
from modgan.losses import l1
from modgan.metrics.editors import modular
from modgan.train import Batch, Phase, Recipe, TrainingError, main


@dataclass(frozen=True)
class Settings(modulargan_portraits.Settings):
    """Those of the ModularGAN recipe; the pictures must have the attributes of the zoo."""

    zoo: str = "portraits"  # a zoo file, or the name of a released one
    n_res: int = 3  # residual blocks of the new R
    steps: int = 3_000


def frozen(s: Settings) -> list[str]:
    """E and the T's."""
    return [name for name in zoo(s.zoo) if name != "R"]


def parts(s: Settings) -> dict[str, Component]:
    """The zoo as it is, a new R, and a D."""
    held, labels = zoo(s.zoo), labels_of(s)
    E = held["E"]
    wanted = [f"T_{name}" for name in labels]
    if sorted(["E", *wanted]) != sorted(frozen(s)) or s.size != E.inputs["image"].shape[-1]:
        raise TrainingError(
            f"{s.zoo} holds {', '.join(frozen(s))} for {E.inputs['image']}, the pictures of "
            f"{s.size} pixels are labelled with {', '.join(labels)}: pass --attributes and --size"
        )
    R = grown(held["R"], s.n_res)
    D = LabelDiscriminator(E.inputs["image"], labels, s.d_channels, s.d_down)
    return {**{name: held[name] for name in frozen(s)}, "R": R, "D": D}


def grown(old: Component, n_res: int) -> PatchReconstructor:
    """An R of `n_res` blocks that does what the old one does; one of another kind begins anew."""
    R = PatchReconstructor(old.inputs["feature"], old.outputs["image"], n_res)
    if isinstance(old, PatchReconstructor):
        if n_res < len(old.blocks):
            raise TrainingError(f"--n-res {n_res}: the zoo's R has {len(old.blocks)} blocks")
        state = R.state_dict()
        last = ("body.3.weight", "body.3.bias")
        nothing = {name: torch.zeros_like(v) for name, v in state.items() if name.endswith(last)}
        R.load_state_dict({**state, **nothing, **old.state_dict()})
    return R


def plan(s: Settings) -> str:
    """What was found in the folder, and what will be trained on it."""
    return f"{found(s)}\n{s.steps:,} steps for R; {', '.join(frozen(s))} stay as they are.\n"


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """R: pictures and edits in the space as it is."""
    x = batch["image"][: len(batch["target"])]
    with torch.no_grad():
        f = parts["E"](x)
        changed, _ = modulargan_portraits.edited(parts, batch, f)
    fake = parts["R"](changed)
    terms, *_ = fool(parts, batch, fake)
    return {
        **terms,
        "image": l1(parts["R"](f), x),
        "feature": l1(parts["E"](fake), changed),
    }


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    weights = {"label": 1.0, "patch": 1.0, "image": s.w_image, "feature": s.w_feature}
    teach, D = label_critics.phases(s)
    return [teach, Phase("R", ("R",), g_loss, weights, s.lr, (0.0, 0.99), start=s.teach), D]


def card(s: Settings) -> Card:
    """What the file is; it holds R alone."""
    made = portraits_data.card(s, {"reconstruct": ["E", "R"], "edit": [*frozen(s), "R"]})
    return replace(made, provenance={**made.provenance, "joins": s.zoo})


recipe = Recipe(
    name="upgrade_portraits",
    settings=Settings(),
    smoke={
        "d_channels": 8,
        "pictures": 32,
        "batch": 4,
        "same": 1,
        "reals": 4,
        "teach": 2,
        "steps": 6,
        "judge_steps": 4,
        "followed": 8,
        "tested": 8,
        "workers": 0,
    },
    parts=parts,
    batch=modulargan_portraits.batch,
    phases=phases,
    card=card,
    plan=plan,
    sheet=sampling(modular),
    score=scoring(modular),
    frozen=frozen,
)

if __name__ == "__main__":
    main(recipe)
