"""MixNMatch's losses and both stages of its training against the official program's numbers.

Axes: B batch, C channels, H W positions, n labels.
"""

from __future__ import annotations

import pytest
import torch
from golden_files import Golden
from hierarchy_parts import (
    DD,
    Parts,
    exact,
    feature_critic,
    mixnmatch_parts,
    official_tensors,
    painted,
    silence,
    without_gradients,
)
from torch import Tensor, nn
from torch.optim import Adam

from modgan.convert import mixnmatch
from modgan.losses import (
    bce,
    classification,
    l1,
    logistic_d,
    logistic_g,
    pair_gradient_penalty,
    patch_weights,
    wgan_d,
)
from modgan.train.ema import averaged, parts_of

Terms = dict[str, Tensor]
Codes = dict[str, Tensor]
NETWORKS = {f"{network}.": at for network, at in mixnmatch.NETWORKS.items() if network != "EX"}
LETTERS = "zbpc"


class Tape:
    """The random numbers of the official program in its order, in the place of torch's."""

    def __init__(self, numbers: Tensor) -> None:
        self.rest = numbers.double()

    def draw(self, *shape: int) -> Tensor:
        count = torch.Size(shape).numel()
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken.reshape(shape)

    def like(self, x: Tensor) -> Tensor:
        return self.draw(*x.shape)


class FirstStage:
    """All parts of the code mode in float64, and what a step of the official program computes."""

    def __init__(self, tape: Tape) -> None:
        self.golden, self.tape = Golden("mixnmatch_losses_stage1"), tape
        self.parts = exact(mixnmatch_parts("G", "E", "D0", "D1", "D2", "BD"))
        self.made_by = {name: self.parts[name] for name in mixnmatch.GENERATOR}
        self.whole = self.golden.given("real_img126").double()
        self.x = self.golden.given("real_img").double()
        boxes = self.golden.given("warped_bbox").T
        self.weights = patch_weights(boxes, 24, 34, 4).double()

    def codes(self, kind: str, at: int | None = None) -> Codes:
        """The recorded codes "real" or "free", those of an iteration of the trajectory if given."""
        prefix = kind if at is None else f"traj.{kind}"
        given = {k: self.golden.given(f"{prefix}_{k}").double() for k in LETTERS}
        return given if at is None else {k: value[at] for k, value in given.items()}

    def parameters(self, *networks: str, statistics: bool = False) -> dict[str, Tensor]:
        chosen = {network: NETWORKS[network] for network in networks}
        return official_tensors(self.parts, chosen, statistics)

    def read(self) -> Codes:
        return {k: self.parts[f"Q_{k}"](self.x) for k in LETTERS}

    def judge(self, picture: Tensor, codes: Codes) -> Codes:
        return {k: self.parts[f"D_pair_{k}"](picture, codes[k]) for k in LETTERS}

    def of_background(self, made: Codes) -> Terms:
        """The terms of D0."""
        critic, w = self.parts["D_background"], self.weights
        real, background = critic(self.whole)
        fake, _ = critic(made["fake_img.bg126"].detach())
        terms = {
            "norm_fact_real": w.sum(),
            "real_prediction_loss": bce(real, 1.0, w),
            "fake_prediction_loss": bce(fake, 0.0),
            "class_prediction_loss": bce(background, w),
        }
        _, told, made_up, classed = terms.values()
        terms["D_loss"] = 10 * (told + made_up) + classed
        return {f"D0.{name}": term for name, term in terms.items()}

    def of_child(self, made: Codes) -> Terms:
        """The terms of D2."""
        real, _ = self.parts["D_child"](self.x)
        fake, _ = self.parts["D_child"](made["fake_img.child"].detach())
        return {
            "D2.real_prediction_loss": bce(real, 1.0),
            "D2.fake_prediction_loss": bce(fake, 0.0),
            "D2.D_loss": logistic_d(real, fake),
        }

    def of_pairs(self, made: Codes, read: Codes, real: Codes) -> Terms:
        """The terms of BD; noise of three rounds of four critics, five alphas before the last."""
        child = made["fake_img.child"].detach()
        read = {k: value.detach() for k, value in read.items()}
        encoded, generated = self.judge(self.x, read), self.judge(child, real)
        alphas = [self.tape.draw(len(self.x), 1) for _ in range(5)]
        penalty = pair_gradient_penalty(
            [self.parts[f"D_pair_{k}"] for k in LETTERS],
            [self.x, *read.values()],
            [child, *real.values()],
            alphas,
        )
        terms = {"penalty": penalty} | means(encoded, generated)
        apart = torch.stack([wgan_d(encoded[k], generated[k]) for k in LETTERS]).sum()
        terms["D_loss"] = apart + 10 * penalty
        return {f"BD.{name}": term for name, term in terms.items()}

    def of_everything_else(self, made: Codes, read: Codes, real: Codes, free: Codes) -> Terms:
        """The terms of E and G; the last four are of E alone, on pictures of untied codes."""
        behind, background = self.parts["D_background"](made["fake_img.bg126"])
        _, parents = self.parts["D_parent"](made["fgmk.parent"])
        _, children = self.parts["D_child"](made["fgmk.child"])
        child_real, _ = self.parts["D_child"](made["fake_img.child"])
        encoded = self.judge(self.x, read)
        generated = self.judge(made["fake_img.child"], real)
        with torch.no_grad():
            picture = painted(self.made_by, **free)["fake_img.child"]
        terms = {
            "p_code_loss": classification(parents, real["p"].argmax(1)),
            "c_code_loss": classification(children, real["c"].argmax(1)),
            "bg_rf_loss": 10 * logistic_g(behind),
            "bg_class_loss": bce(background, 1.0),
            "child_rf_loss": logistic_g(child_real),
            "fool_BD_loss": torch.stack([wgan_d(generated[k], encoded[k]) for k in LETTERS]).sum(),
            "z_pred_loss": l1(self.parts["Q_z"](picture), free["z"]),
        }
        for k in "bpc":
            scores = self.parts[f"Q_{k}"].scores(picture)  # type: ignore[operator]
            terms[f"{k}_pred_loss"] = classification(scores, free[k].argmax(1))
        weights = [1.0] * 6 + [5.0, 5.0, 10.0, 10.0]
        pairs = zip(weights, terms.values(), strict=True)
        terms["EG_loss"] = torch.stack([weight * term for weight, term in pairs]).sum()
        return {f"EG.{name}": term for name, term in (terms | means(encoded, generated)).items()}


def means(encoded: Codes, generated: Codes) -> Terms:
    return {f"mean.pred_enc_{k}": score.mean() for k, score in encoded.items()} | {
        f"mean.pred_gen_{k}": score.mean() for k, score in generated.items()
    }


@pytest.fixture
def first(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FirstStage:
    tape = Tape(Golden("mixnmatch_losses_stage1").given(request.param))
    monkeypatch.setattr(torch, "randn_like", tape.like)
    return FirstStage(tape)


@pytest.mark.parametrize("first", ["tape"], indirect=True)
@pytest.mark.parametrize("kind", ["noise", "nonoise"])
def test_every_term_of_the_losses_and_gradients(first: FirstStage, kind: str) -> None:
    if kind == "nonoise":
        silence(first.parts)
    read, real = first.read(), first.codes("real")
    made = painted(first.made_by, **real)
    terms = first.of_background(made) | first.of_child(made) | first.of_pairs(made, read, real)
    terms |= first.of_everything_else(made, read, real, first.codes("free"))
    found = {f"{kind}.{name}": term for name, term in terms.items()}
    recorded = first.golden.facts["losses"]
    assert set(found) == {name for name in recorded if name.startswith(f"{kind}.")}
    first.golden.check_losses(found)
    assert not first.tape.rest.numel()
    losses = {"D0": "D0.D_loss", "D2": "D2.D_loss", "BD": "BD.D_loss", "GE": "EG.EG_loss"}
    for name, loss in losses.items():
        without_gradients(*first.parts.values())
        terms[loss].backward(retain_graph=True)
        first.golden.check_gradients(f"{kind}.{name}", moved(first, name))


def moved(first: FirstStage, loss: str) -> dict[str, Tensor]:
    """The parameters that a loss of the official program moves."""
    tells = "D2.code_logits"
    if loss == "GE":
        of_child = first.parameters("D2.")
        told = {key: p for key, p in of_child.items() if key.startswith(tells)}
        others = first.parameters("G.", "E.", "D1.")
        return {k: p for k, p in others.items() if not k.startswith("D1.rf_logits")} | told
    chosen = first.parameters(f"{loss}.")
    return {key: p for key, p in chosen.items() if not key.startswith(tells)}


@pytest.mark.parametrize("first", ["traj.tape"], indirect=True)
def test_first_stage_follows_the_official_one(first: FirstStage) -> None:
    golden, parts = first.golden, first.parts
    optimizers = {
        name: Adam(moved(first, name).values(), lr=2e-4, betas=(0.5, 0.999))
        for name in ("D0", "D2", "BD", "GE")
    }

    def step(name: str, loss: Tensor) -> None:
        without_gradients(*parts.values())
        loss.backward()
        optimizers[name].step()

    average = averaged(first.made_by, 0.999, soon=False)
    average.update_parameters(nn.ModuleDict(first.made_by))
    for at, row in enumerate(golden.log("mixnmatch_stage1")):
        read, real = first.read(), first.codes("real", at)
        made = painted(first.made_by, **real)
        found = first.of_background(made)
        step("D0", found["D0.D_loss"])
        found |= first.of_child(made)
        step("D2", found["D2.D_loss"])
        found |= first.of_pairs(made, read, real)
        step("BD", found["BD.D_loss"])
        terms = first.of_everything_else(made, read, real, first.codes("free", at))
        step("GE", terms["EG.EG_loss"])
        average.update_parameters(nn.ModuleDict(first.made_by))
        found |= terms
        assert {name: term.item() for name, term in found.items()} == pytest.approx(row, rel=1e-6)
    every = first.parameters(*NETWORKS) | first.parameters(*NETWORKS, statistics=True)
    golden.check_end("mixnmatch_stage1", every)
    slow = official_tensors(parts_of(average), {"": mixnmatch.GENERATOR})
    golden.check_end("mixnmatch_stage1", slow, "ema")
    assert not first.tape.rest.numel()


class SecondStage:
    """G at rest, S and its critic in training, in float64."""

    def __init__(self) -> None:
        self.golden = Golden("mixnmatch_losses_stage2")
        parts = exact(mixnmatch_parts("G", "EX"), training=False)
        self.generator: Parts = {name: parts[name] for name in mixnmatch.GENERATOR}
        self.s, self.critic = parts["S"].train(), feature_critic().double()
        self.x = self.golden.given("real_img").double()

    def drawn(self, at: int) -> tuple[Tensor, Tensor]:
        """The feature and the picture of the codes of iteration `at`."""
        codes = {k: self.golden.given(f"traj.{k}")[at].double() for k in LETTERS}
        with torch.no_grad():
            made = painted(self.generator, **codes)
        return made["p_temp"], made["fake_img.child"]

    def of_critic(self, read: Tensor, feature: Tensor) -> Terms:
        fake, real = bce(self.critic(read.detach()), 0.0), bce(self.critic(feature), 1.0)
        return {"DD_fake": fake, "DD_real": real, "DD_loss": fake + real}

    def of_encoder(self, read: Tensor, feature: Tensor, picture: Tensor) -> Terms:
        terms = {"l1loss": l1(self.s(picture), feature), "EX_adv": logistic_g(self.critic(read))}
        return terms | {"EX_loss": terms["l1loss"] + terms["EX_adv"]}

    def tensors(self, statistics: bool = False) -> dict[str, Tensor]:
        network = {"EX.": mixnmatch.NETWORKS["EX"]}
        return official_tensors({"S": self.s}, network, statistics)

    def judging(self) -> dict[str, Tensor]:
        return {f"DD.{DD[key]}": p for key, p in self.critic.named_parameters()}


def test_second_stage_terms_and_gradients() -> None:
    second = SecondStage()
    feature, picture = second.drawn(0)
    read = second.s(second.x)
    terms = second.of_critic(read, feature)
    terms["DD_loss"].backward()
    second.golden.check_gradients("DD", second.judging())
    terms |= second.of_encoder(read, feature, picture)
    terms["EX_loss"].backward()
    second.golden.check_gradients("EX", second.tensors())
    assert set(terms) == set(second.golden.facts["losses"])
    second.golden.check_losses(terms)


def test_second_stage_follows_the_official_one() -> None:
    second, golden = SecondStage(), Golden("mixnmatch_losses_stage2")
    of_s = Adam(second.s.parameters(), lr=2e-4, betas=(0.5, 0.999))
    of_critic = Adam(second.critic.parameters(), lr=2e-5, betas=(0.5, 0.999))
    for at, row in enumerate(golden.log("mixnmatch_stage2")):
        feature, picture = second.drawn(at)
        read = second.s(second.x)
        found = second.of_critic(read, feature)
        of_critic.zero_grad()
        found["DD_loss"].backward()
        of_critic.step()
        found |= second.of_encoder(read, feature, picture)
        of_s.zero_grad()
        found["EX_loss"].backward()
        of_s.step()
        assert {name: term.item() for name, term in found.items()} == pytest.approx(row, rel=1e-6)
    every = second.tensors() | second.tensors(statistics=True) | second.judging()
    golden.check_end("mixnmatch_stage2", every)
