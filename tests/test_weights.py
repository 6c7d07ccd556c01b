"""The released zoos: small, whole, with the card that stands beside them, and good enough."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import modgan
from modgan.card import page
from modgan.data.birds import Birds
from modgan.data.images import batch, normalise
from modgan.data.portraits import ATTRIBUTES, Portraits
from modgan.data.sketches import DOMAINS, Sketches
from modgan.metrics.drawing import errors, even
from modgan.metrics.editors import generating
from modgan.metrics.edits import accuracy, apply_codes, score
from modgan.metrics.mixing import iou
from modgan.metrics.stages import SOURCES, coded, in_batches
from modgan.metrics.translation import edge_f1, hue_taken, translated
from modgan.zoo import released

FOLDER = Path(__file__).parents[1] / "weights"


def test_released_zoos_are_found_by_name() -> None:
    assert released() == {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}
    assert {"portraits", "portraits_judge"} <= set(released())


@pytest.mark.parametrize("name", released())
def test_the_page_beside_the_weights_is_their_card(name: str) -> None:
    assert (FOLDER / f"{name}.md").read_text() == page(name, modgan.inspect(name))


@pytest.mark.parametrize("name", released())
def test_zoos_are_small_and_every_graph_composes(name: str) -> None:
    zoo = modgan.load(name)
    assert (FOLDER / f"{name}.safetensors").stat().st_size <= 12e6
    assert zoo.card.licence == "Apache-2.0" and zoo.card.graphs
    for graph in zoo.card.graphs:
        zoo.graph(graph)


def test_the_default_zoo_edits_people_it_never_saw() -> None:
    judge = modgan.load("portraits_judge")["Q"]
    data = Portraits(40, 64, seed=77)
    pictures, labels = batch(data, range(40))
    assert min(accuracy(judge, pictures, labels).values()) >= 0.97
    names = list(ATTRIBUTES)
    targets = (labels + 1) % torch.tensor([len(v) for v in ATTRIBUTES.values()])
    goals = [
        {name: ATTRIBUTES[name][at] for name, at in zip(names, row, strict=True)}
        for row in targets.tolist()
    ]
    for at, name in enumerate(names):
        drawn = [data.counterfactual(i, **{name: goal[name]}) for i, goal in enumerate(goals)]
        truth, wanted = normalise(torch.stack(drawn)), labels.clone()
        wanted[:, at] = targets[:, at]
        out = apply_codes(modgan.compose(["E", f"T_{name}", "R"]), pictures, {name: targets[:, at]})
        s = score(out, pictures, {name: truth}, truth, judge, wanted)
        assert s.error <= 0.1 and s.kept >= 0.95, name
        assert s.inside <= 0.6 * s.inside_copy and s.outside <= 4.5, name
        assert s.masks[name] >= 5, name


def test_digits_are_drawn_as_asked_for_in_any_order() -> None:
    zoo, judge = modgan.load("digits"), modgan.load("digits_judge")["Q"]
    labels = {name: list(spec.labels) for name, spec in judge.outputs.items()}
    rng = torch.Generator().manual_seed(77)
    wanted = even(60, [len(values) for values in labels.values()], rng)
    z = torch.randn(60, zoo["G"].inputs["z"].channels, generator=rng)
    for chain, wrong in errors(generating(zoo, labels), judge, z, wanted, drawn=1):
        assert wrong["number"] <= 0.1 and wrong["all"] <= 0.2, chain


def test_sketches_nobody_trained_on_are_coloured_like_their_guides() -> None:
    count = 24
    data = {name: Sketches(count, 64, 77, name) for name in DOMAINS}
    sketch, picture = (batch(data[name], range(count))[0] for name in DOMAINS)
    zoo, guide = modgan.load("sketches"), picture.roll(1, 0)
    guided = translated(zoo.graph("guided"), image=sketch, guide=guide)
    assert edge_f1(guided, sketch).mean() >= 0.9
    assert hue_taken(guided, guide, picture).float().mean() >= 0.9
    back = translated(zoo.graph("picture_to_sketch"), image=picture, style=torch.zeros(count, 4))
    assert (back - sketch).abs().mean() < 0.5 * (picture - sketch).abs().mean()


def test_birds_nobody_trained_on_are_mixed() -> None:
    count, zoo, judge = 60, modgan.load("birds"), modgan.load("birds_judge")["Q"]
    birds, rng = Birds(count, 64, 77), torch.Generator().manual_seed(77)
    pictures = normalise(torch.stack([birds.drawn(i).picture for i in range(count)]))
    which = dict(zip(SOURCES, torch.randint(count, (4, count), generator=rng), strict=True))
    with torch.inference_mode():
        codes = coded(zoo, {name: pictures[of] for name, of in which.items()})
        made = in_batches(zoo, codes).image
        read = dict(zip(judge.outputs, judge(made), strict=True))
    for name, least in (("background", 0.95), ("texture", 0.75), ("shape", 0.75)):
        labels = judge.outputs[name].labels
        aim = [labels.index(birds.bird(i).labels()[name]) for i in which[name].tolist()]
        assert (read[name].argmax(1) == torch.tensor(aim)).float().mean() >= least, name


def test_outlines_of_birds_nobody_trained_on_are_kept() -> None:
    count, zoo, birds = 60, modgan.load("birds"), Birds(60, 64, 77)
    drawn = [birds.drawn(i) for i in range(count)]
    pictures = normalise(torch.stack([one.picture for one in drawn]))
    true = torch.stack([one.mask for one in drawn]) > 127
    with torch.inference_mode():
        codes = coded(zoo, {**dict.fromkeys(SOURCES, pictures), "texture": pictures.roll(1, 0)})
        overlap = {
            mode: iou(in_batches(zoo, codes, feature).mask() > 0.5, true).mean()
            for mode, feature in (("code", None), ("feature", zoo["S"](pictures)))
        }
    assert overlap["feature"] > max(overlap["code"], 0.8)
