"""Zoo files by value and by byte, strict reading, merging and sealing."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from zoo_files import Make, Parts, assert_same, edit, forge, header_of

import modgan.zoo as module
from modgan.component import Component, UnknownName
from modgan.components import (
    MultiHeadDiscriminator,
    ResidualTransformer,
)
from modgan.spec import FeatureSpec, InterfaceError, image
from modgan.zoo import Card, Zoo, ZooError, compose, inspect, load, sealed

# Writing and reading back


def test_round_trip_by_value(zoo: Zoo, zoo_path: Path) -> None:
    twin = load(zoo_path)
    assert list(twin) == list(zoo) and twin.card == zoo.card
    for name, part in zoo.items():
        assert type(twin[name]) is type(part) and twin[name].config == part.config
        assert list(twin[name].inputs.items()) == list(part.inputs.items())
        assert list(twin[name].outputs.items()) == list(part.outputs.items())
        state = twin[name].state_dict()
        assert list(state) == list(part.state_dict())
        assert all(torch.equal(state[key], value) for key, value in part.state_dict().items())
        assert not twin[name].training
        assert all(p.requires_grad for p in twin[name].parameters())
    assert_same(edit(twin), edit(zoo))


def test_attributes_keep_their_order(tmp_path: Path) -> None:
    """Sorted keys would hand the head of one attribute to another."""
    attributes = {"smile": ["no", "yes"], "hair": ["black", "red"], "age": ["old", "new"]}
    critic = MultiHeadDiscriminator(image(16), attributes, 4, 2).eval()
    Zoo({"D": critic}, Card("CC0-1.0")).save(tmp_path / "d.safetensors")
    twin = load(tmp_path / "d.safetensors")["D"]
    assert list(twin.outputs) == list(critic.outputs)
    assert_same(edit({"D": twin}, "D"), edit({"D": critic}, "D"))


def test_two_saves_give_the_same_bytes_for_everybody_to_read(zoo: Zoo, tmp_path: Path) -> None:
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    zoo.save(first)
    zoo.save(str(second))
    load(first).save(tmp_path / "c.safetensors")
    again = (tmp_path / "c.safetensors").read_bytes()
    assert first.read_bytes() == second.read_bytes() == again
    assert first.stat().st_mode & 0o777 == 0o644
    header_of(first)


def test_the_header_is_one_plain_document(zoo: Zoo, zoo_path: Path) -> None:
    header = header_of(zoo_path)
    assert set(header) == {"format", "parts", "card"} and header["format"] == 1
    assert header["card"] == asdict(zoo.card)
    assert list(header["parts"]) == ["E", "T_hair", "T_smile", "T_beard", "R"]
    assert header["parts"]["E"] == {
        "component": "patch_encoder",
        "config": {
            "image": {"spec": {"channels": 3, "height": 16, "width": 16, "space": "image[-1,1]"}},
            "channels": 48,
            "n_res": 1,
            "patch": 4,
            "space": "faces@training",
        },
    }


def test_changing_loaded_parts_leaves_the_file_alone(zoo_path: Path) -> None:
    before = zoo_path.read_bytes()
    parts = load(zoo_path)
    with torch.no_grad():
        for p in parts["E"].parameters():
            p.add_(1)
    assert zoo_path.read_bytes() == before
    twin = copy.deepcopy(parts["E"])
    assert torch.equal(twin.state_dict()["stem.1.bias"], torch.ones(48))


def test_a_file_can_be_saved_over_while_loaded(zoo_path: Path) -> None:
    zoo = load(zoo_path)
    before = edit(zoo)
    with torch.no_grad():
        next(zoo["T_smile"].parameters()).add_(1)
    zoo.save(zoo_path)
    assert_same(edit(zoo), before)
    assert_same(edit(load(zoo_path)), before)


def test_training_goes_on_from_a_file(zoo_path: Path) -> None:
    zoo = load(zoo_path)
    edit(zoo)["image"].sum().backward()
    assert all(p.grad is not None for p in zoo["E"].parameters())


def test_only_builds_and_reads_what_is_asked_for(zoo: Zoo, zoo_path: Path) -> None:
    twin = load(zoo_path, only=["R", "E"])
    assert list(twin) == ["R", "E"]
    assert_same(edit(twin, "E", "R"), edit(zoo, "E", "R"))
    header = header_of(zoo_path)
    header["parts"]["T_hair"]["component"] = "from_the_future"
    assert list(load(forge(zoo_path, header), only=["E"])) == ["E"]
    with pytest.raises(
        UnknownName, match=r"no part in .* named 'T_hiar'.\n  did you mean 'T_hair'"
    ):
        load(zoo_path, only=["T_hiar"])


def test_inspect_reads_no_tensor(zoo: Zoo, zoo_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_tensor(*_: Any) -> None:
        raise AssertionError("a tensor was read")

    class Guarded:
        def __init__(self, *args: Any) -> None:
            self.file: Any = safe_open(*args)

        def __enter__(self) -> Guarded:
            self.file.__enter__()
            return self

        def __exit__(self, *error: Any) -> None:
            self.file.__exit__(*error)

        def metadata(self) -> dict[str, str]:
            found: dict[str, str] = self.file.metadata()
            return found

        get_tensor = get_slice = keys = no_tensor

    monkeypatch.setattr(module, "safe_open", Guarded)
    header = inspect(zoo_path)
    assert header == header_of(zoo_path)
    assert Card(**header["card"]) == zoo.card


def test_a_card_may_be_short(zoo_path: Path) -> None:
    header = header_of(zoo_path)
    header["card"] = {"licence": "MIT"}
    forged = forge(zoo_path, header)
    assert load(forged).card == Card("MIT")
    assert inspect(forged)["card"]["graphs"] == {}


# The mapping


def test_a_zoo_is_a_mapping(zoo: Zoo) -> None:
    assert len(zoo) == 5 and "E" in zoo and "G" not in zoo and "" not in zoo
    assert zoo.get("G") is None and zoo.get("E") is zoo["E"]
    with pytest.raises(UnknownName, match=r"no part named 'T_hat'.\n  did you mean 'T_hair'"):
        zoo["T_hat"]
    assert repr(zoo).splitlines()[:3] == [
        "Zoo of 5 parts, CC0-1.0",
        "E: patch_encoder (image -> feature)",
        "T_hair: residual_transformer (feature, hair -> feature, mask_hair)",
    ]


def test_ready_made_graphs(zoo: Zoo) -> None:
    assert list(zoo.graph("edit").inputs) == ["image", "hair", "smile"]
    with pytest.raises(UnknownName, match=r"no graph named 'edti'.\n  did you mean 'edit'"):
        zoo.graph("edti")


@pytest.mark.parametrize("name", ["", "a.b", "T hair", "../E", "_E", "1"])
def test_part_names_are_words(name: str, parts: Parts) -> None:
    with pytest.raises(ZooError, match="cannot name a part: use words of letters and digits"):
        Zoo({name: parts["E"]}, Card("MIT"))


# Merging


def plugin(space: str, name: str = "glasses") -> Parts:
    torch.manual_seed(5)
    feature = FeatureSpec(48, 4, 4, space)
    return {f"T_{name}": ResidualTransformer(feature, name, ("no", "yes"), 1, 8).eval()}


def test_a_plugin_joins_the_zoo_it_was_trained_for(make: Make, tmp_path: Path) -> None:
    base = Zoo(sealed(make(0)), Card("CC0-1.0", {"seed": 0}, graphs={"edit": ["E", "T_hair", "R"]}))
    space = base["E"].outputs["feature"].space
    extra = Zoo(plugin(space), Card("MIT", {"seed": 5}))
    base.save(tmp_path / "base.safetensors")
    extra.save(tmp_path / "extra.safetensors")
    sources: list[Zoo | str | Path] = [
        tmp_path / "base.safetensors",
        str(tmp_path / "extra.safetensors"),
    ]
    steps = ["E", "T_glasses", "T_hair", "R"]
    expected = edit({**base, **extra}, *steps)
    merged = load(tmp_path / "base.safetensors") | load(tmp_path / "extra.safetensors")
    assert list(merged) == ["E", "T_hair", "R", "T_glasses"]
    assert merged.card == Card(
        "CC0-1.0 AND MIT",
        {"merged": [{"seed": 0}, {"seed": 5}]},
        graphs={"edit": ["E", "T_hair", "R"]},
    )
    for way in (merged, {**base, **extra}, extra | base):
        assert_same(edit(way, *steps), expected)
    both = compose(steps, sources)
    assert list(both.inputs) == ["image", "glasses", "hair"]
    x = torch.zeros(1, 3, 16, 16)
    once = [compose(steps, w).apply(image=x, glasses=1, hair=0) for w in (sources, merged)]
    assert once[0]["image"][0].tobytes() == once[1]["image"][0].tobytes()


def test_every_way_to_give_parts(zoo: Zoo, zoo_path: Path) -> None:
    steps = ["E", "T_hair", "R"]
    given = {"image": torch.zeros(1, 3, 16, 16), "hair": torch.eye(3)[:1]}
    expected = compose(steps, zoo)(**given)
    for parts in (zoo, dict(zoo), zoo_path, str(zoo_path), [zoo], [zoo_path]):
        assert_same(compose(steps, parts)(**given), expected)
    with pytest.raises(InterfaceError, match="no parts to compose: the list of zoos is empty"):
        compose(steps, [])


def test_strangers_do_not_merge(make: Make) -> None:
    base = Zoo(sealed(make(0)), Card("MIT"))
    other = sealed(make(1))["E"].outputs["feature"].space
    assert other != base["E"].outputs["feature"].space
    with pytest.raises(InterfaceError) as error:
        base | Zoo(plugin(other), Card("MIT"))
    assert str(error.value) == (
        f"nothing in these zoos makes {other}, only {base['E'].outputs['feature'].space}: a part "
        "only understands the space it was trained in, load it beside that zoo"
    )


def test_two_plugins_merge_before_they_meet_their_zoo() -> None:
    both = Zoo(plugin("f@1"), Card("MIT")) | Zoo(plugin("f@1", "hat"), Card("MIT"))
    assert list(both) == ["T_glasses", "T_hat"] and both.card.licence == "MIT"


def test_names_do_not_clash_silently(zoo: Zoo) -> None:
    with pytest.raises(
        InterfaceError, match="both zoos hold a part named 'E': load one with `only"
    ):
        zoo | zoo


# Sealing


def space_of(parts: Mapping[str, Component]) -> str:
    return parts["E"].outputs["feature"].space


def test_sealing_names_the_space_after_the_weights(make: Make) -> None:
    first, again, other = sealed(make(0)), sealed(make(0)), sealed(make(1))
    assert re.fullmatch(r"faces@[0-9a-f]{12}", space_of(first))
    assert space_of(first) == space_of(again) != space_of(other)
    for part in first.values():
        specs = (*part.inputs.values(), *part.outputs.values())
        assert "faces@training" not in {spec.space for spec in specs}
        assert "training" not in repr(part.config)
    with pytest.raises(InterfaceError, match="same shape, another space"):
        compose(["E", "T_hair", "R"], {**first, "E": other["E"]})


def test_transformers_do_not_define_the_space_but_reconstructors_do(make: Make) -> None:
    changed, repainted = make(0), make(0)
    with torch.no_grad():
        next(changed["T_hair"].parameters()).add_(1)
        next(repainted["R"].parameters()).add_(1)
    assert space_of(sealed(changed)) == space_of(sealed(make(0))) != space_of(sealed(repainted))


def test_the_order_of_the_parts_does_not_change_the_digest(make: Make) -> None:
    assert space_of(sealed(dict(reversed(make(0).items())))) == space_of(sealed(make(0)))


def test_sealing_changes_no_bit_of_what_is_computed(make: Make) -> None:
    parts = make(0)
    before = edit(parts)
    closed = sealed(parts)
    assert_same(edit(closed), before)
    with torch.no_grad():
        for part in closed.values():
            for p in part.parameters():
                p.zero_()
    assert_same(edit(parts), before)  # copies
    assert space_of(parts) == "faces@training"


def test_what_is_sealed_stays(make: Make) -> None:
    once = sealed(make(0))
    twice = sealed(once)
    assert space_of(twice) == space_of(once)
    new = sealed({**once, **plugin(space_of(once))})
    assert list(new) == ["E", "T_hair", "R", "T_glasses"]
    assert {spec.space for spec in new["T_glasses"].outputs.values()} == {
        space_of(once),
        "mask[0,1]",
    }
    for name, part in once.items():
        state = new[name].state_dict()
        assert all(torch.equal(state[key], value) for key, value in part.state_dict().items())
        assert new[name].config == part.config


def test_sealing_keeps_the_mode(make: Make) -> None:
    parts = make(0)
    parts["E"].train()
    closed = sealed(parts)
    assert (closed["E"].training, closed["R"].training) == (True, False)


def test_a_transformer_alone_cannot_be_sealed() -> None:
    """Its digest would be that of nothing, the same for every training."""
    with pytest.raises(
        InterfaceError, match="none of T_glasses makes or reads out 'faces@training'"
    ):
        sealed(plugin("faces@training"))


def test_half_precision_can_be_sealed(make: Make) -> None:
    spaces = {
        space_of(sealed({name: part.to(kind) for name, part in make(0).items()}))
        for kind in (torch.float32, torch.bfloat16)
    }
    assert len(spaces) == 2


def test_a_sealed_zoo_survives_its_file(make: Make, tmp_path: Path) -> None:
    closed = sealed(make(0))
    Zoo(closed, Card("MIT")).save(tmp_path / "a.safetensors")
    twin = load(tmp_path / "a.safetensors")
    assert space_of(twin) == space_of(closed)
    assert_same(edit(twin), edit(closed))
