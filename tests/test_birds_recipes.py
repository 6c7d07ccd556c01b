"""FineGAN and MixNMatch on birds: what their recipes train, and mixing four pictures with them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import birds_data
import finegan_birds
import hierarchy_critics
import mixnmatch_birds
import mixnmatch_birds_features
import noted
import pytest
import torch
from PIL import Image
from test_recipes import FOLDER

import modgan
from modgan.cli import main
from modgan.component import Component
from modgan.convert.mixnmatch import GRAPHS
from modgan.data.images import open_image
from modgan.metrics.stages import STAGES
from modgan.train import Recipe, Share, TrainingError, checkpoint

Capture = pytest.CaptureFixture[str]
NAMES = ("background", "texture", "shape", "pose")
PLAIN = {"clustered": False, "critics_from": 0, "w_patch": 10.0, "w_background_code": 1.0}


def train(recipe: str, out: Path, *flags: str) -> Path:
    """The zoo that a smoke run writes."""
    command = ["train", str(FOLDER / f"{recipe}.py"), "--smoke", "--out", str(out), *flags]
    assert main(command) == 0
    return out / f"{recipe}.safetensors"


def small(recipe: Recipe, **changed: Any) -> Any:
    """The settings of a smoke run."""
    return replace(recipe.settings, **{**recipe.smoke, **changed})


@pytest.fixture(scope="module")
def zoos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both stages of MixNMatch."""
    folder = tmp_path_factory.mktemp("mix")
    first = train("mixnmatch_birds", folder / "first")
    second = train("mixnmatch_birds_features", folder / "second", "--zoo", str(first))
    return {"first": first, "second": second}


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    """Four pictures of any size."""
    sizes = ((40, 30), (64, 64), (20, 90), (33, 32))
    files = {name: tmp_path / f"{name}.png" for name in NAMES}
    for at, (size, file) in enumerate(zip(sizes, files.values(), strict=True)):
        Image.effect_noise(size, 40 + 40 * at).convert("RGB").save(file)
    return files


# --- what is trained ----------------------------------------------------------------------------


def sizes(parts: dict[str, Component], *names: str) -> int:
    return sum(p.numel() for name in names for p in parts[name].parameters())


def test_the_paper_variants_have_the_official_sizes() -> None:
    with torch.device("meta"):
        fine = finegan_birds.recipe.variants["paper"]
        mix = mixnmatch_birds.recipe.variants["paper"]
        parts, mixing = fine.parts(fine.settings), mix.parts(mix.settings)
    assert sizes(parts, *STAGES) == 39_674_944
    assert [sizes(parts, f"D_{k}") for k in ("background", "parent", "child")] == [
        666_626,
        18_400_021,
        19_874_761,
    ]
    assert sizes(mixing, *STAGES) == 13_500_672
    assert sizes(mixing, *(f"Q_{k}" for k in "zbpc")) == 77_172_232
    assert sizes(mixing, *(f"D_pair_{k}" for k in "zbpc")) == 17_753_028
    assert [sizes(mixing, f"D_{k}") for k in ("parent", "child")] == [3_006_357, 13_320_137]
    for each in (fine, mix):
        assert each.settings.steps % (736 if each is fine else 982) == 0
        weights = each.phases(each.settings)[-1].weights
        without = each.phases(replace(each.settings, w_real=0.0))[-1].weights
        assert weights["real"] == 1 and without == weights | {"real": 0.0}
        assert weights["patch"] == 10.0
        assert not any(weights[name] for name in ("area", "outlines", "binary"))
        assert not {"background_code", "free"} & set(weights)
        assert (each.settings.outline, each.settings.jitter) == (False, 0.0)
        first = each.phases(each.settings)[0]
        assert first.weights == {"real": 10.0, "fake": 10.0, "background": 1.0, "r1": 0.0}


@pytest.mark.parametrize("recipe", [finegan_birds.recipe, mixnmatch_birds.recipe])
def test_features_of_stages_are_as_coarse_as_asked(recipe: Recipe) -> None:
    for coarse in (1, 2, 4):
        parts = recipe.parts(small(recipe, coarse=coarse))
        side = 32 // coarse
        assert parts["G_parent"].outputs["feature"].shape[1:] == (side, side)
        assert parts["R_child"].outputs["image"].shape[1:] == (32, 32)
    for wrong in (0, 3, 8):
        with pytest.raises(TrainingError, match=f"--coarse {wrong}: expects 1, 2 or 4"):
            recipe.parts(small(recipe, coarse=wrong))
    assert recipe.variants["paper"].settings.coarse == 1


def test_objects_are_painted_again_of_the_codes_that_were_found() -> None:
    recipe = mixnmatch_birds.recipe
    s = small(recipe)
    parts, notes = recipe.parts(s), noted.notes(s)
    batch = {**recipe.batch(s, Share(0)), "notes": notes}
    terms = mixnmatch_birds.g_loss(parts, batch)
    assert 0 < terms["again"].item() < 2
    learn = {name: next(parts[name].parameters()) for name in (*STAGES, "Q_z", "Q_b")}
    moved = torch.autograd.grad(terms["again"], list(learn.values()), allow_unused=True)
    got = {name for name, slope in zip(learn, moved, strict=True) if slope is not None}
    assert got == set(STAGES) - {"G_background", "R_background"}, "the object, over what is behind"
    wide = {**recipe.batch(s, Share(0)), "notes": notes, "area": (0.9, 1.0)}
    wide = mixnmatch_birds.g_loss(parts, wide)
    assert wide["area"].item() > 0.5, "masks of made pictures and of those painted again"
    without = small(recipe, clustered=False)
    parts = recipe.parts(without)
    assert "again" not in mixnmatch_birds.g_loss(parts, recipe.batch(without, Share(0)))
    assert "again" not in recipe.phases(without)[-1].weights
    paper = recipe.variants["paper"].settings
    assert (paper.clustered, paper.w_pairs, paper.lr, paper.lr_g) == (False, 1.0, 2e-4, 2e-4)


@pytest.mark.parametrize("recipe", [finegan_birds.recipe, mixnmatch_birds.recipe])
def test_clustering_wants_whole_pictures(recipe: Recipe) -> None:
    for changed in ({"around": 1.5}, {"tied_background": True}):
        s = small(recipe, **changed)
        with pytest.raises(TrainingError, match=r"--clustered finds codes of whole pictures.* got"):
            recipe.batch(s, Share(0))


def test_there_are_no_more_codes_than_pictures() -> None:
    s = small(mixnmatch_birds.recipe, children=400)
    with pytest.raises(TrainingError, match=r"^12 pictures cannot be clustered .*--children 400"):
        noted.notes(s)


def test_finegan_paints_again_what_was_found() -> None:
    recipe = finegan_birds.recipe
    s = small(recipe)
    parts, batch = recipe.parts(s), {**recipe.batch(s, Share(0)), "notes": noted.notes(s)}
    terms = finegan_birds.g_loss(parts, batch)
    assert set(terms) == set(recipe.phases(s)[-1].weights) and 0 < terms["again"].item() < 2
    got = torch.autograd.grad(terms["behind"], [next(parts["G_background"].parameters())])[0]
    assert got.abs().sum() > 0
    assert noted.notes(small(recipe, **PLAIN)) == {}
    paper = recipe.variants["paper"].settings
    painting = recipe.variants["paper"].phases(paper)[-1]
    assert (paper.clustered, painting.lr, painting.betas) == (False, 2e-4, (0.5, 0.999))
    assert "again" not in painting.weights


def test_critics_come_in_when_asked() -> None:
    recipe = mixnmatch_birds.recipe
    s = small(recipe, critics_from=5)
    due = {phase.name: phase.start for phase in recipe.phases(s)}
    assert due == {"D_child": 5, "D_pair": 5, "G": 0}
    parts, notes = recipe.parts(s), noted.notes(s)
    for step, late in ((5, False), (6, True)):
        batch = {**recipe.batch(s, Share(step)), "notes": notes}
        terms = mixnmatch_birds.g_loss(parts, batch)
        assert all((terms[k].item() != 0) is late for k in ("real", "pairs"))


def test_backgrounds_have_a_critic_when_asked() -> None:
    recipe = mixnmatch_birds.recipe
    for weight, there in ((0.0, False), (10.0, True)):
        s = small(recipe, w_patch=weight, critics_from=0)
        parts, phases = recipe.parts(s), recipe.phases(s)
        assert ("D_background" in parts) is there
        assert ("D_background" in [phase.name for phase in phases]) is there
        batch = {**recipe.batch(s, Share(1)), "notes": noted.notes(s)}
        terms = mixnmatch_birds.g_loss(parts, batch)
        assert ("patch" in terms, "background" in terms) == (there, there)
        canvas = hierarchy_critics.made(parts, batch).background
        assert canvas.requires_grad is there
        assert set(phases[-1].weights) == set(terms)


@pytest.mark.parametrize("tied", [False, True])
def test_codes_are_tied_as_asked(tied: bool) -> None:
    s = small(finegan_birds.recipe, tied_background=tied, backgrounds=3, parents=2, children=4)
    made = birds_data.codes(s, 64, torch.Generator().manual_seed(0))
    assert torch.equal(made["parent"], made["child"] // 2)
    assert (torch.equal(made["background"], made["child"])) is tied
    assert made["background"].max() == (3 if tied else 2)
    free = birds_data.codes(s, 64, torch.Generator().manual_seed(0), tied=False)
    assert not torch.equal(free["parent"], free["child"] // 2)


@pytest.mark.parametrize("name", ["finegan_birds", "mixnmatch_birds"])
def test_resume_is_exact(name: str, tmp_path: Path) -> None:
    steps = ("--steps", "3")  # the last of them is hard
    whole = train(name, tmp_path / "whole", *steps).read_bytes()
    train(name, tmp_path / "halves", *steps, "--minutes", "0")
    assert train(name, tmp_path / "halves", *steps, "--resume").read_bytes() == whole


@pytest.mark.parametrize(
    ("recipe", "flags", "text"),
    [
        ("finegan_birds", "--size 48", "--size 48: a hierarchy paints 16, 32, 64"),
        ("dcgan_birds", "--size 8", "--size 8: a hierarchy paints 16, 32, 64"),
        ("finegan_birds", "--parents 8 --children 4", "got --backgrounds 2 --parents 8 --ch"),
        ("mixnmatch_birds", "--backgrounds 1", "expects 2 codes or more of each kind"),
        ("finegan_birds", "--field 20", "--field 20: expects one of 16, 22, 34"),
        ("mixnmatch_birds_features", "--zoo {zoo} --size 64", "takes pictures of 32 pixels: pass"),
        ("mixnmatch_birds_features", "--zoo portraits", "lacks G_background, R_background"),
        ("mixnmatch_birds_features", "--zoo {zoo} --field 9", "--field 9: expects one of 16"),
    ],
)
def test_what_cannot_be_trained(
    recipe: str, flags: str, text: str, zoos: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    given = [flag.format(zoo=zoos["first"]) for flag in flags.split()]
    with pytest.raises(SystemExit, match="2"):
        train(recipe, tmp_path, *given)
    assert text in capsys.readouterr().err


def test_masks_beside_the_boxes_count(zoos: dict[str, Path]) -> None:
    recipe = mixnmatch_birds_features.recipe
    s = small(recipe, zoo=str(zoos["first"]))
    parts, batch = recipe.parts(s), recipe.batch(s, Share(0))
    x, boxes = batch["objects"], batch["boxes"]
    whole = torch.tensor([[0, 0, 32, 32]]).expand_as(boxes)
    inside = mixnmatch_birds_features.s_loss(parts, {**batch, "boxes": whole})["beside"]
    given = {**batch, "boxes": whole * 0}
    everywhere = mixnmatch_birds_features.s_loss(parts, given)["beside"]
    codes = mixnmatch_birds_features.coded(parts, dict.fromkeys(NAMES, x))
    again = mixnmatch_birds_features.painted(parts, codes, given["read"])
    both = torch.cat([again.mask_parent, again.mask_child]).mean()
    assert inside == 0
    torch.testing.assert_close(everywhere, both)


def test_s_learns_of_real_pictures_painted_again(zoos: dict[str, Path]) -> None:
    recipe = mixnmatch_birds_features.recipe
    s = small(recipe, zoo=str(zoos["first"]))
    parts, batch = recipe.parts(s), recipe.batch(s, Share(0))
    for part in parts.values():
        part.requires_grad_(False)
    terms = mixnmatch_birds_features.s_loss(parts, batch)
    terms["again"].backward()  # type: ignore[no-untyped-call]
    moved = {k for k, part in parts.items() for p in part.parameters() if p.grad is not None}
    assert moved == {"S"} and any(p.grad.abs().sum() for p in parts["S"].parameters())
    codes = mixnmatch_birds_features.coded(parts, dict.fromkeys(NAMES, batch["objects"]))
    again = mixnmatch_birds_features.painted(parts, codes, batch["read"]).image
    torch.testing.assert_close(terms["again"], (again - batch["objects"]).abs().mean())
    own = parts["G_parent"](codes["z"], codes["parent"])
    torch.testing.assert_close(terms["own"], (batch["read"] - own).abs().mean())
    plain = {**recipe.batch(s, Share(0)), "again": False, "together": False}
    apart = mixnmatch_birds_features.s_loss(parts, plain)
    assert set(apart) == {"feature", "real"}
    assert not torch.equal(apart["feature"], terms["feature"]), "other pictures norm them"
    weights = recipe.phases(s)[-1].weights
    assert set(weights) == set(terms) == {"feature", "real", "again", "beside", "own"}
    paper = recipe.variants["paper"].settings
    assert (paper.lr_d, paper.w_again, paper.together) == (2e-5, 0.0, False)
    assert recipe.phases(paper)[-1].weights == {"feature": 1.0, "real": 1.0}


# --- mixing -------------------------------------------------------------------------------------


def test_the_second_stage_leaves_the_first_as_it_is(zoos: dict[str, Path]) -> None:
    assert list(modgan.load(zoos["second"])) == ["S"]
    last = checkpoint.latest(zoos["second"].parent / "checkpoints")
    assert last is not None
    found, zoo = checkpoint.load(last)["trainer"]["parts"], modgan.load(zoos["first"])
    for name in zoo:
        for key, tensor in zoo[name].state_dict().items():
            assert torch.equal(found[name][key], tensor), f"{name}.{key}"
    assert list(zoo.card.graphs) == ["hierarchy", "code_mode"]


def test_people_sample_the_hierarchy(zoos: dict[str, Path]) -> None:
    graph = modgan.load(zoos["first"]).graph("hierarchy")
    out = graph.apply(z=3, background="1", parent=0, child="2")
    assert out["image"].size == (32, 32) and out["mask_child"].mode == "L"
    again = graph.apply(z=3, background=1, parent="0", child=2)
    assert out["image"].tobytes() == again["image"].tobytes()
    with pytest.raises(ValueError, match=r"'child': label 9 is out of range, there are 4"):
        graph.apply(z=3, background=1, parent=0, child=9)
    with pytest.raises(ValueError, match=r"missing 'z': .*or an integer seed to draw it"):
        graph.apply(background=1, parent=0, child=1)


def mix(zoos: dict[str, Path], pictures: dict[str, Path], out: Path, *flags: str) -> int:
    files = [word for name, file in pictures.items() for word in (f"--{name}", str(file))]
    given = [word for zoo in zoos.values() for word in ("--zoo", str(zoo))]
    return main(["mix", *files, *given, "-o", str(out), *flags])


def test_four_pictures_become_one(
    zoos: dict[str, Path], pictures: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "new/mixed.png"
    assert mix({"first": zoos["first"]}, pictures, out) == 0
    assert capsys.readouterr().out == f"{out}\n"
    graph = modgan.load(zoos["first"]).graph("code_mode")
    expected = graph.apply(**pictures)["image"]
    assert open_image(out).tobytes() == expected.tobytes()


def test_three_pictures_become_one_by_way_of_the_feature(
    zoos: dict[str, Path], pictures: dict[str, Path], tmp_path: Path
) -> None:
    pose, out = pictures.pop("pose"), tmp_path / "mixed.png"
    assert mix(zoos, pictures, out, "--mode", "feature") == 0
    graph = modgan.compose(GRAPHS["feature_mode"], parts=list(zoos.values()))
    assert open_image(out).tobytes() == graph.apply(**pictures)["image"].tobytes()
    assert mix(zoos, {**pictures, "pose": pose}, out, "--mode", "feature") == 2


def test_mixes_that_cannot_be(
    zoos: dict[str, Path], pictures: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "mixed.png"
    some = {name: pictures[name] for name in ("background", "shape")}
    gone = {**pictures, "pose": tmp_path / "a.png", "shape": tmp_path / "b.png"}
    for given, flags, text in (
        (some, [], "--mode code needs --texture IMAGE, --pose IMAGE as well"),
        (gone, [], f"--shape {tmp_path}/b.png: no such file; --pose {tmp_path}/a.png: no such"),
        (pictures, ["--mode", "feature"], "--pose: in feature mode the shape's picture gives it"),
    ):
        assert mix(zoos, given, out, *flags) == 2
        assert text in capsys.readouterr().err
    for place, text in (
        (pictures["shape"], "shape.png: would overwrite it: choose another place"),
        (tmp_path / "mixed.txt", "mixed.txt: expects a picture, one of .bmp"),
    ):
        assert mix({"first": zoos["first"]}, pictures, place) == 2
        assert text in capsys.readouterr().err
    three = {name: file for name, file in pictures.items() if name != "pose"}
    assert mix({"first": zoos["first"]}, three, out, "--mode", "feature") == 2
    assert "--mode feature needs S, got G_background, " in capsys.readouterr().err
    assert mix({"none": Path("birdss")}, pictures, out) == 2
    assert "no file or released zoo named 'birdss'" in capsys.readouterr().err
    assert not out.exists()


def test_the_benchmark_measures_both_modes(
    zoos: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    judge = train("birds_judge", tmp_path / "judge", "--size", "32")
    plain = train("dcgan_birds", tmp_path / "plain", "--size", "32")
    monkeypatch.syspath_prepend(str(FOLDER.parent / "benchmarks"))
    given = [word for zoo in zoos.values() for word in ("--zoo", str(zoo))]
    flags = ["--judge", str(judge), "--baseline", str(plain), "-n", "6", "--mixes", "4"]
    where = ["--out", str(tmp_path / "birds"), "--figures", str(tmp_path)]
    card = tmp_path / "all.safetensors"
    command = ["birds.py", *given, *flags, *where, "--card", str(card)]
    monkeypatch.setattr(sys, "argv", command)
    import birds

    birds.main()
    page = (tmp_path / "birds.md").read_text()
    assert "| code |" in page and "| feature |" in page and "- baseline: " in page
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        f"birds_{name}.png" for name in ("codes", "mixed", "stages")
    ]
    zoo = modgan.load(card)
    assert list(zoo.card.graphs) == list(GRAPHS) and zoo.card.metrics
    for graph in GRAPHS:
        zoo.graph(graph)
    capsys.readouterr()
