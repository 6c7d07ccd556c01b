"""What MUNIT's recipe promises: which styles meet which critics, and what a run follows."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import domains_data
import pytest
import torch
from PIL import Image
from test_recipes import recipe_of
from test_translation import WAYS, Parts, folder, made, settings_of
from torch import Tensor
from translation_scores import COUNT, guiding

import modgan
from modgan.data.sketches import DOMAINS
from modgan.losses import l1
from modgan.metrics import translation as metrics
from modgan.metrics.translation import edge_f1
from modgan.spec import InterfaceError


def test_munit_reads_back_the_style_that_was_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    import munit

    settings, parts, batch = made("munit", noise=0.0)
    style = {name: torch.randn(2, 4) for name in DOMAINS}
    monkeypatch.setattr(munit, "new_styles", lambda own, real: style)
    monkeypatch.setattr(munit, "energy_to_normal", lambda own: own.square().mean())
    terms = munit.g_loss(settings, parts, batch)
    content = {name: parts[f"E_{name}"](batch[name]) for name in DOMAINS}
    fake = {to: parts[f"R_{to}"](parts[f"T_{to}"](content[of], style[to])) for of, to in WAYS}
    for name in DOMAINS:
        read = l1(parts[f"Q_{name}"](fake[name]), style[name])
        torch.testing.assert_close(terms[f"style_{name}"], read)
    kept = sum(l1(parts[f"E_{to}"](fake[to]), content[of]) for of, to in WAYS)
    torch.testing.assert_close(terms["content"], kept)
    own = {name: parts[f"Q_{name}"](batch[name]) for name in DOMAINS}
    torch.testing.assert_close(terms["normal"], sum(own[n].square().mean() for n in DOMAINS))


def test_munit_computes_no_term_without_a_weight() -> None:
    recipe = recipe_of("munit")
    paper = recipe.variants["paper"].settings
    read = [f"style_{name}" for name in DOMAINS]
    for settings, more in ((recipe.settings, {"cycle", "normal"}), (paper, set[str]())):
        parts, batch = made("munit", noise=settings.noise, n_style=settings.n_style)[1:]
        d, g = recipe.phases(settings)
        found = set(g.loss(parts, batch))
        assert found == set(g.weights) == {"image", *read, "content", "adv"} | more
        assert ("r1" in d.loss(parts, batch)) == (settings is recipe.settings)
    off = ("noise", "real_styles", "w_cycle", "w_normal", "d_noise", "w_r1", "alike", "kaiming")
    assert not any(getattr(paper, name) for name in off) and paper.lr == 1e-4
    weights = [recipe.phases(s)[1].weights for s in (paper, recipe.settings)]
    assert [[each[name] for name in read] for each in weights] == [[1, 1], [0.1, 2]]


def test_a_folders_first_domain_has_a_style(tmp_path: Path) -> None:
    settings = settings_of("munit", data=str(folder(tmp_path, "AB")))
    weights = recipe_of("munit").phases(settings)[1].weights
    assert weights["style_a"] == weights["style_b"] == settings.w_style


def test_munits_domains_start_alike_but_for_their_styles_and_critics() -> None:
    def same(role: str, **changed: Any) -> bool:
        parts = made("munit", **changed)[1]
        of = [parts[f"{role}_{name}"].state_dict() for name in DOMAINS]
        return all(torch.equal(of[0][key], of[1][key]) for key in of[0])

    assert [same(role) for role in "ETRQD"] == [True, True, True, False, False]
    assert not any(same(role, alike=False) for role in "ETR")


def test_munits_new_styles_are_half_those_of_other_pictures() -> None:
    from translation_terms import new_styles

    own = {"a": torch.randn(6, 4, requires_grad=True)}
    new = new_styles(own, settings_of("munit").real_styles)["a"]
    assert new.shape == (6, 4) and not new.requires_grad
    assert torch.equal(new[:3], own["a"][[5, 0, 1]])
    assert not (new[3:, None] == own["a"]).any()
    sampled = new_styles(own, 0.0)["a"]
    assert not (sampled[:, None] == own["a"]).any()


@pytest.mark.parametrize("role", ["E", "Q"])
def test_munit_reads_translations_through_noise(role: str) -> None:
    import munit

    settings, parts, batch = made("munit", real_styles=0.0, d_noise=0.0)
    read, judged = list[Tensor](), list[Tensor]()
    parts[f"{role}_picture"].register_forward_pre_hook(lambda part, x: read.append(x[0]))
    parts["D_picture"].register_forward_pre_hook(lambda part, x: judged.append(x[0]))
    munit.g_loss(settings, parts, batch)
    assert torch.equal(read[0], batch["picture"])
    assert 0.045 < (read[1] - judged[0]).std() < 0.055
    munit.g_loss(replace(settings, noise=0.0), parts, batch)
    assert torch.equal(read[3], judged[1])


def test_a_style_is_a_seed_a_vector_or_read_off_a_picture() -> None:
    settings, parts, batch = made("munit")
    graphs = recipe_of("munit").card(settings).graphs
    graph, guided = (
        modgan.compose(graphs[f"sketch_to_picture{way}"], parts) for way in ("", "_guided")
    )
    x, one = batch["sketch"][:1], torch.Generator().manual_seed(7)
    by_seed = graph.apply(image=x, style=7)["image"][0]
    by_vector = graph.apply(image=x, style=torch.randn(1, 4, generator=one))["image"][0]
    assert by_seed.tobytes() == by_vector.tobytes()
    several = graph.apply(image=x, style=[7, 8, 9])["image"]
    assert len(several) == 3 and several[1].tobytes() != by_seed.tobytes()
    read = graph(image=x, style=parts["Q_picture"](batch["picture"][:1]))["image"]
    torch.testing.assert_close(guided(image=x, guide=batch["picture"][:1])["image"], read)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "missing 'style': 4 of normal, or an integer seed to draw it"),
        ({"style": torch.randn(1, 5)}, r"input 'style': expects \(B, 4\) of .*, gets \(1, 5\)"),
        ({"style": torch.randn(4)}, r"input 'style': expects \(B, 4\) of 4 of normal, gets \(4\)"),
        ({"style": [0.5] * 4}, "input 'style': expects a tensor of 4 of normal, got 0.5"),
        ({"style": None}, "step 'T_picture: .*' cannot be skipped: it makes 16×8×8 of styled_p"),
    ],
)
def test_styles_that_are_none(given: dict[str, Any], message: str) -> None:
    settings, parts, _ = made("munit")
    steps = recipe_of("munit").card(settings).graphs["sketch_to_picture"]
    graph = modgan.compose(steps, parts)
    with pytest.raises(InterfaceError, match=message):
        graph.apply(image=Image.new("RGB", (32, 32)), **given)


def test_munit_follows_what_comes_back_and_which_edges_stay(tmp_path: Path) -> None:
    settings, parts, _ = made("munit")
    score = recipe_of("munit").score
    assert score is not None
    figures = score(settings, tmp_path, "cpu")
    (hue, lost, picture, sketch), again = figures(parts, False), figures(parts, True)
    assert again == [hue, lost, picture, sketch] and lost["name"] == "edges lost %"
    assert hue["name"] == "guided: hue wrong %" and {row["split"] for row in again} == {"val"}
    pairs, _ = domains_data.followed(settings, 50)
    x = pairs["sketch"]
    assert not (x == domains_data.shown(settings, 50)["sketch"]).all((1, 2, 3)).any()
    assert (edge_f1(pairs["picture"], x) > 0.7).all()
    feature = parts["T_sketch"](parts["E_sketch"](x), parts["Q_sketch"](x))
    off = 127.5 * l1(parts["R_sketch"](feature), x).item()
    assert sketch["value"] == pytest.approx(off, abs=1e-2) and sketch["n"] == 50


@pytest.mark.parametrize("split", ["test", "val"])
def test_munit_follows_a_folders_val_where_there_is_one(tmp_path: Path, split: str) -> None:
    settings = settings_of("munit", data=str(folder(tmp_path, "AB")))
    recipe = recipe_of("munit")
    if split == "val":
        for letter in "AB":
            shutil.copytree(tmp_path / f"train{letter}", tmp_path / f"val{letter}")
    assert recipe.score is not None
    rows = recipe.score(settings, tmp_path, "cpu")(recipe.parts(settings), False)
    assert [row["name"] for row in rows] == ["b again, L1 of 255", "a again, L1 of 255"]
    assert {row["split"] for row in rows} == {split}


def test_munits_first_figure_is_the_share_of_guides_not_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, parts, _ = made("munit")
    pairs, _ = domains_data.followed(settings, COUNT)
    guides = pairs["picture"].roll(-1, 0)
    right = torch.arange(COUNT) < 20
    made_up = torch.where(right[:, None, None, None], guides, -guides)  # of opposite hues

    def decoded(parts: Parts, content: Any, style: Any) -> dict[str, Tensor]:
        guided = torch.allclose(style["picture"], parts["Q_picture"](guides), atol=1e-5)
        return {name: made_up if guided else pairs[name] for name in content}

    monkeypatch.setattr(metrics, "LEAST", 0.0)
    first = guiding(decoded)(settings, tmp_path, "cpu")(parts, False)[0]
    assert first["name"] == "guided: hue wrong %" and first["value"] == pytest.approx(60)
