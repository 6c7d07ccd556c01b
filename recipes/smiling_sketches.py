"""A ModularGAN T in MUNIT's content space: a neutral sketch becomes a smiling picture.

    modgan train recipes/munit.py --kind portraits --out runs/drawn         # the zoo, first
    modgan train recipes/smiling_sketches.py --zoo runs/drawn/munit.safetensors

The run writes one file with T_smile alone: compose(["E_sketch", "T_smile", "T_picture",
"R_picture"], parts=[ZOO, FILE]), and the same T stands before T_sketch, R_sketch and behind
E_picture. The zoo is frozen. D only ever sees what the zoo draws: its real pictures are contents
that nobody edited, so it judges edits and not how well the zoo draws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import join_portraits
import label_critics
import portraits_data
import torch
from crossings import SEEDS, held, score, sheet
from join_portraits import attribute, frozen, plan, zoo
from label_critics import Parts, Terms, fool, mask_loss
from portraits_data import labels_of, pictures
from torch import Tensor
from translation import with_styles

from modgan.card import Card
from modgan.component import Component
from modgan.components import LabelDiscriminator, ResidualTransformer
from modgan.data.images import other_labels
from modgan.losses import l1
from modgan.train import Batch, Phase, Recipe, Share, TrainingError, main


@dataclass(frozen=True)
class Settings(join_portraits.Settings):
    """Those of joining a zoo."""

    zoo: str = ""  # the file of a zoo of two domains that munit.py wrote
    attributes: str = "smile"  # the one to learn
    domain: str = "picture"  # of the zoo: that of the labelled pictures, in which D looks at edits
    pictures: int = 8_000  # drawn portraits, and as many sketches
    outlines: int = 8  # contents a step that are those of sketches; 0: T never sees one
    w_cycle: float = 1.0  # the content is back where the edit is undone


def parts(s: Settings) -> dict[str, Component]:
    """The zoo as it is, the new T, and a D for its attribute."""
    (name, labels), found = attribute(s), zoo(s.zoo)
    picture, content = found[f"E_{s.domain}"].inputs["image"], found[f"T_{s.domain}"].inputs
    if picture.shape[-1] != s.size:
        raise TrainingError(f"{s.zoo} takes {picture}: pass --size {picture.shape[-1]}")
    if s.data and s.outlines:
        raise TrainingError("sketches are drawn, and are not of your pictures: pass --outlines 0")
    T = ResidualTransformer(content["feature"], name, labels, s.n_res, s.channels)
    D = LabelDiscriminator(picture, {name: labels}, s.d_channels, s.d_down)
    return {**{each: found[each] for each in frozen(s)}, f"T_{name}": T, "D": D}


def batch(s: Settings, at: Share) -> Batch:
    """Pictures and sketches, their labels, and the labels that edits should give the first."""
    x, labels = at.draw(pictures(s), s.batch + s.reals - s.outlines, s.seed)
    made = {"picture": x}
    if s.outlines:
        made["sketch"], own = at.draw(held(s), s.outlines, s.seed)
        labels = torch.cat([own, labels])
    there = labels[: s.batch]
    edited = torch.arange(s.batch)[:, None] % (s.batch // s.same) > 0
    other = other_labels(there, labels_of(s), at.own(s.seed))
    return {
        **made,
        "labels": labels,
        "target": torch.where(edited, other, there),
        "made": edited,
        "chain": [0],
        "name": attribute(s)[0],
        "domain": s.domain,
        "penalise": at.step % s.r1_every == 0,
        "noise": s.noise,
    }


@torch.no_grad()
def draw(parts: Parts, batch: Batch) -> None:
    """Put contents, styles and what the zoo draws of them, D's real pictures, into the batch.

    Pictures keep their style, sketches get a sampled one.
    """
    x, domain = batch["picture"], batch["domain"]
    content, style = parts[f"E_{domain}"](x), parts[f"Q_{domain}"](x)
    if "sketch" in batch:
        first = parts["E_sketch"](batch["sketch"])
        sampled = torch.randn(len(first), style.shape[1], device=style.device)
        content, style = torch.cat([first, content]), torch.cat([sampled, style])
    batch |= {"content": content, "style": style}
    batch["image"] = painted(parts, batch, content)


def painted(parts: Parts, batch: Batch, content: Tensor) -> Tensor:
    """Pictures of contents (B, C, H, W) in the first styles of the batch."""
    domain, style = batch["domain"], batch["style"][: len(content)]
    return parts[f"R_{domain}"](parts[f"T_{domain}"](content, style))


def teach(parts: Parts, batch: Batch) -> Terms:
    """D learns what the labels look like as the zoo draws them."""
    draw(parts, batch)
    return label_critics.teach(parts, batch)


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """The new T: fool both critics, stay in the space of contents, leave the rest."""
    draw(parts, batch)
    target, same = batch["target"][:, 0], ~batch["made"][:, 0]
    f, T = batch["content"][: len(target)], parts[f"T_{batch['name']}"]
    codes = torch.eye(T.inputs[batch["name"]].channels, device=f.device)
    changed, mask = T(f, codes[target])
    fake = painted(parts, batch, changed)
    terms, sure, _ = fool(parts, batch, fake)
    (convinced,) = sure.values()
    back, _ = T(changed, codes[batch["labels"][: len(target), 0]])
    return {
        **terms,
        "feature": l1(parts[f"E_{batch['domain']}"](fake), changed),
        "cycle": l1(back, f),
        "keep": convinced * l1(changed[same], f[same]),
        "mask": mask_loss(mask, convinced),
    }


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    first, T, D = join_portraits.phases(s)
    weights = {**T.weights, "cycle": s.w_cycle}
    return [replace(first, loss=teach), replace(T, loss=g_loss, weights=weights), D]


def card(s: Settings) -> Card:
    """What the file is; it holds the new T alone."""
    names = [part[2:] for part in frozen(s) if part.startswith("E_")]
    edit = f"T_{attribute(s)[0]}"
    made = portraits_data.card(s, with_styles(product(names, names), edit))
    drawn = f" and {s.pictures} sketches of portraits, seed {SEEDS['train']}" if s.outlines else ""
    origin = {"data": made.provenance["data"] + drawn, "joins": s.zoo}
    return replace(made, provenance=origin)


recipe = Recipe(
    name="smiling_sketches",
    settings=Settings(),
    smoke={**join_portraits.recipe.smoke, "outlines": 2},
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    plan=plan,
    sheet=sheet,
    score=score,
    frozen=frozen,
)

if __name__ == "__main__":
    main(recipe)
