"""Terms over all domains: what the losses of the recipes of translation share.

Values of several domains are mappings by the domain's name. A term is summed over the domains and
has no weight yet. Axes: B pictures, C channels, H W positions, n answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from label_critics import noisy
from torch import Tensor
from translation import Gentle, Parts, Terms, Values

from modgan.layers import noised, reversed_gradient
from modgan.losses import classification, lsgan_d, lsgan_g, over_scales, r1


def each(parts: Parts, role: str, *values: Values) -> dict[str, Any]:
    """What every domain's own part of a role (E, R, …) makes of the values of its domain."""
    return {name: parts[f"{role}_{name}"](*(of[name] for of in values)) for name in values[0]}


def swapped(values: Values) -> dict[str, Tensor]:
    """The values of two domains, each under the name of the other."""
    first, second = values
    return {first: values[second], second: values[first]}


def sampled(features: Values) -> dict[str, Tensor]:
    """A sample of N(feature, 1), UNIT's posterior."""
    return {name: noised(feature) for name, feature in features.items()}


def new_styles(own: Values, real: float) -> dict[str, Tensor]:
    """New styles (B, n) for all pictures: a share `real` is other pictures' `own`, then sampled."""
    new = {}
    for name, style in own.items():
        others = style.detach().float().roll(1, 0)[: round(real * len(style))]
        drawn = torch.randn(len(style) - len(others), style.shape[1], device=style.device)
        new[name] = torch.cat([others, drawn])
    return new


def summed(loss: Callable[..., Tensor], *values: Values) -> Tensor:
    """Σ of a loss over the domains."""
    terms = [loss(*(of[name] for of in values)) for name in values[0]]
    return torch.stack(terms).sum()


def against(scores: Tensor, answer: int) -> Tensor:
    """Cross-entropy of scores (B, n) of several answers, all of them against one."""
    return classification(scores, torch.full_like(scores[:, 0], answer, dtype=torch.int64))


def told(parts: Parts, feature: Values) -> Tensor:
    """Cross-entropy of the domain read off features, which unlearn what it reads."""
    read = [parts["D_domain"](reversed_gradient(common))[0] for common in feature.values()]
    return torch.stack([against(scores, number) for number, scores in enumerate(read)]).mean()


def blurred(s: Gentle, x: Values) -> Values:
    """Pictures as critics see them, with noise."""
    return {name: noisy(each, s.d_noise) for name, each in x.items()} if s.d_noise else x


def fooled(s: Gentle, parts: Parts, fake: Values) -> Tensor:
    """The adversarial term of those who make `fake`, under the critics of its domains."""
    scores = each(parts, "D", blurred(s, fake))
    return summed(lambda some: over_scales(lsgan_g, some), scores)


def judged(s: Gentle, parts: Parts, real: Values, fake: Values) -> Terms:
    """The terms of the critics; those who made `fake` learn nothing from them."""
    real = {name: real[name] for name in fake}
    made = {name: x.detach() for name, x in fake.items()}
    scores = (each(parts, "D", blurred(s, x)) for x in (real, made))
    terms = {"adv": summed(lambda *some: over_scales(lsgan_d, *some), *scores)}
    return penalised(s, terms, lambda: penalty(parts, real))


def penalised(s: Gentle, terms: Terms, slope: Callable[[], Tensor]) -> Terms:
    """The terms of critics and, at some steps, their penalty.

    Whether a step has it is drawn with torch's generator, which the step has seeded.
    """
    if s.w_r1:
        due = torch.rand(()) * s.r1_every < 1
        terms["r1"] = slope() if due else terms["adv"].new_zeros(())
    return terms


def penalty(parts: Parts, real: Values) -> Tensor:
    """R1 of the critics, of their mean scores over all sizes."""
    terms = []
    for name, x in real.items():
        critic = parts[f"D_{name}"]
        terms.append(r1(lambda x, D=critic: over_scales(_mean, D(x)), x))
    return torch.stack(terms).sum()


def _mean(scores: Tensor) -> Tensor:
    """The mean score of every picture, (B,)."""
    return scores.mean((1, 2, 3))


def d_weights(s: Gentle, adv: float = 1.0) -> dict[str, float]:
    """The weights of the terms of critics."""
    return {"adv": adv} | ({"r1": s.w_r1} if s.w_r1 else {})
