"""Zoo files: by value and by byte, strict reading, damage of every kind, merging and sealing."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

import modgan.zoo as module
from modgan.component import Component, UnknownName
from modgan.components import (
    ConvEncoder,
    MultiHeadDiscriminator,
    PatchEncoder,
    PatchReconstructor,
    ResidualTransformer,
)
from modgan.spec import FeatureSpec, InterfaceError, image
from modgan.zoo import Card, Zoo, ZooError, compose, inspect, load, sealed

Parts = dict[str, Component]
Make = Callable[[int], Parts]
READABLE = (ZooError, UnknownName, InterfaceError)


@pytest.fixture
def make() -> Make:
    """Parts of another training: other weights, the same ports."""

    def trained(seed: int) -> Parts:
        torch.manual_seed(seed)
        encoder = PatchEncoder(image(16), 48, space="faces@training")
        feature = encoder.outputs["feature"]
        parts: Parts = {
            "E": encoder,
            "T_hair": ResidualTransformer(feature, "hair", ("black", "red"), 1, 8),
            "R": PatchReconstructor(feature, image(16)),
        }
        return {name: part.eval() for name, part in parts.items()}

    return trained


def edit(parts: Mapping[str, Component], *steps: str) -> dict[str, Tensor]:
    """The outputs of a wiring for pictures and codes that are always the same."""
    graph = compose(list(steps or ("E", "T_hair", "R")), parts)
    noise = torch.Generator().manual_seed(1)
    given = {
        name: torch.eye(spec.channels)[[1, 0]]
        if spec.labels
        else torch.randn(2, *spec.shape, generator=noise).tanh()
        for name, spec in graph.inputs.items()
    }
    out: dict[str, Tensor] = graph(**given)
    return out


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def header_of(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert set(metadata) == {"modgan"}  # several keys would be written in varying order
    data: dict[str, Any] = json.loads(metadata["modgan"])
    return data


def forge(path: Path, header: Any, tensors: dict[str, Tensor] | None = None) -> Path:
    """The file of `path` again, beside it, with another header or other tensors."""
    text = header if isinstance(header, str) else json.dumps(header)
    forged = path.with_name("forged.safetensors")
    save_file(load_file(path) if tensors is None else tensors, forged, {"modgan": text})
    return forged


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


# What is not saved


class Unregistered(Component):
    def __init__(self) -> None:
        super().__init__()
        self.declare({"x": FeatureSpec(1)}, {"x": FeatureSpec(1)})


@pytest.mark.parametrize(
    ("spoil", "kind", "text"),
    [
        (
            lambda zoo: Zoo({**zoo, "X": Unregistered()}, zoo.card),
            ZooError,
            "part 'X': Unregistered is not registered, so no file can name it: put @register",
        ),
        (lambda zoo: Zoo({}, zoo.card), ZooError, "not saved: a zoo holds 1 to 1024 parts"),
        (
            lambda zoo: Zoo(zoo, Card("MIT", metrics=[{"name": "x"}])),
            ZooError,
            "not saved: a metric of its card lacks n, name, split, value",
        ),
        (
            lambda zoo: Zoo(zoo, Card("MIT", graphs={"a": "E"})),  # type: ignore[dict-item]
            ZooError,
            "not saved: graph 'a' of its card is not a list of steps",
        ),
        (lambda zoo: Zoo(zoo, Card(None)), ZooError, "not saved: its card is not one"),  # type: ignore[arg-type]
        (
            lambda zoo: Zoo(zoo, Card("MIT", {"folder": Path()})),
            TypeError,
            "PosixPath is not JSON serializable",
        ),
        (
            lambda zoo: Zoo({"E": ConvEncoder(image(16), 8, n_res=-70000)}, zoo.card),
            InterfaceError,
            "part 'E': -70000 is out of bounds",
        ),
    ],
)
def test_a_failing_save_leaves_the_old_file_alone(
    zoo: Zoo,
    zoo_path: Path,
    spoil: Callable[[Zoo], Zoo],
    kind: type[Exception],
    text: str,
) -> None:
    before = zoo_path.read_bytes()
    with pytest.raises(kind, match=text):
        spoil(zoo).save(zoo_path)
    assert zoo_path.read_bytes() == before
    assert [path.name for path in zoo_path.parent.iterdir()] == [zoo_path.name]


def test_a_save_that_breaks_off_leaves_the_old_file_alone(
    zoo: Zoo, zoo_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_: Any, path: Path, **__: Any) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    before = zoo_path.read_bytes()
    monkeypatch.setattr(module, "save_file", full_disk)
    with pytest.raises(OSError, match="no space left"):
        zoo.save(zoo_path)
    assert zoo_path.read_bytes() == before
    assert [path.name for path in zoo_path.parent.iterdir()] == [zoo_path.name]


# What is not read


def change(*keys: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def act(header: dict[str, Any]) -> None:
        *path, last = keys
        for key in path:
            header = header[key]
        header[last] = to

    return act


def drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    def act(header: dict[str, Any]) -> None:
        *path, last = keys
        for key in path:
            header = header[key]
        del header[last]

    return act


CONFIG = ("parts", "E", "config")


@pytest.mark.parametrize(
    ("damage", "kind", "text"),
    [
        (change("format", to=2), ZooError, "format 2, this modgan reads up to 1: upgrade modgan"),
        (
            change("format", to="1"),
            ZooError,
            "damaged header .it is not of format 1.; get or train",
        ),
        (drop("format"), ZooError, "it is not of format 1"),
        (drop("parts"), ZooError, "a zoo holds 1 to 1024 parts"),
        (change("parts", to={}), ZooError, "a zoo holds 1 to 1024 parts"),
        (change("parts", "../E", to={}), ZooError, "part '../E' is not a component and its config"),
        (change("parts", "E", to=[]), ZooError, "part 'E' is not a component and its config"),
        (change("parts", "E", "code", to="x"), ZooError, "part 'E' is not a component and its con"),
        (change("parts", "E", "component", to=["x"]), ZooError, "part 'E' is not a component"),
        (change("parts", "E", "config", to=[]), ZooError, "part 'E' is not a component"),
        (drop("card"), ZooError, "its card is not one"),
        (drop("card", "licence"), ZooError, "its card has the fields graphs, metrics, provenance"),
        (change("card", "price", to=1), ZooError, "its card has the fields .*price"),
        (change("card", "graphs", to=[]), ZooError, "its card is not one"),
        (change("card", "metrics", to=[1]), ZooError, "a metric of its card lacks n, name, split"),
        (change("card", "graphs", "edit", to=[1]), ZooError, "graph 'edit' of its card is not a"),
        (
            change("parts", "E", "component", to="patch_encodr"),
            UnknownName,
            "no component named 'patch_encodr'.\n  did you mean 'patch_encoder'",
        ),
        (
            change("parts", "E", "component", to="os.system"),
            UnknownName,
            "no component named 'os.system'",
        ),
        (
            change(*CONFIG, "chanels", to=1),
            ZooError,
            "part 'E': its config builds no patch_encoder: no argument of patch_encoder named",
        ),
        (drop(*CONFIG, "image"), ZooError, "part 'E': its config builds no patch_encoder: missing"),
        (
            change(*CONFIG, "channels", to=1 << 20),
            ZooError,
            "1048576 is out of bounds .at most 655",
        ),
        (change(*CONFIG, "channels", to=float("nan")), ZooError, "nan is out of bounds"),
        (
            change(*CONFIG, "channels", to="48"),
            ZooError,
            "part 'E': its config builds no patch_enc",
        ),
        (change(*CONFIG, "patch", to=0), ZooError, "part 'E': its config builds no patch_encoder:"),
        (
            change(*CONFIG, "image", "spec", "height", to=1 << 20),
            ZooError,
            "builds no patch_encoder: a spec needs whole sizes from 1 to 65536, got .3, 1048576",
        ),
        (
            change(*CONFIG, "image", "spec", "color", to=3),
            ZooError,
            "builds no patch_encoder: not a spec",
        ),
        (
            change(*CONFIG, "n_res", to=2),
            ZooError,
            "part 'E': tensors missing or unknown: blocks.1",
        ),
        (
            change(*CONFIG, "n_res", to=0),
            ZooError,
            "part 'E': tensors missing or unknown: blocks.0",
        ),
        (
            change(*CONFIG, "channels", to=47),
            ZooError,
            r"part 'E': .* should be torch.float32 \[47.*, is torch.float32 \[48",
        ),
        (drop("parts", "R"), ZooError, "tensors of no part: R.blocks.0.*; the file is damaged"),
    ],
)
def test_damaged_headers(
    zoo_path: Path, damage: Callable[[dict[str, Any]], None], kind: type[Exception], text: str
) -> None:
    header = header_of(zoo_path)
    damage(header)
    with pytest.raises(kind, match=text):
        load(forge(zoo_path, header))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "1", '"x"', "[" * 100_000, "9" * 5000, "\u0000"]
)
def test_headers_that_are_no_document(zoo_path: Path, text: str) -> None:
    with pytest.raises(ZooError, match=r"forged.safetensors: damaged header \(.*; get or train"):
        load(forge(zoo_path, text))


def test_deeply_nested_configs(zoo_path: Path) -> None:
    header = header_of(zoo_path)
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    header["parts"]["E"]["config"]["n_res"] = deep
    with pytest.raises(ZooError, match="part 'E': its config builds no patch_encoder"):
        load(forge(zoo_path, header))


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda t: t.pop("E.stem.1.bias"), "part 'E': tensors missing or unknown: stem.1.bias"),
        (lambda t: t.update({"E.x": torch.ones(1)}), "part 'E': tensors missing or unknown: x"),
        (lambda t: t.update({"X.y": torch.ones(1)}), "tensors of no part: X.y; the file is dam"),
        (lambda t: t.update({"E": torch.ones(1)}), "tensors of no part: E; the file is damaged"),
        (
            lambda t: t.update({"E.stem.1.bias": torch.ones(47)}),
            r"part 'E': stem.1.bias should be torch.float32 \[48\], is torch.float32 \[47\]",
        ),
        (
            lambda t: t.update({"E.stem.1.bias": torch.ones(48, dtype=torch.float16)}),
            r"stem.1.bias should be torch.float32 \[48\], is torch.float16 \[48\]",
        ),
        (lambda t: [t.pop(k) for k in list(t) if k[0] == "E"], "blocks.0.* and .* more|blocks.0"),
    ],
)
def test_damaged_tensors(
    zoo_path: Path, damage: Callable[[dict[str, Tensor]], None], text: str
) -> None:
    tensors = load_file(zoo_path)
    damage(tensors)
    with pytest.raises(ZooError, match=text):
        load(forge(zoo_path, header_of(zoo_path), tensors))


def test_files_of_others(tmp_path: Path, zoo_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    save_file({"w": torch.ones(1)}, foreign)
    with pytest.raises(ZooError, match=r"foreign.safetensors: a safetensors file without a modgan"):
        load(foreign)
    save_file({"w": torch.ones(1)}, foreign, {"format": "pt"})
    with pytest.raises(ZooError, match="weights of other programs have to be converted first"):
        inspect(foreign)
    text = tmp_path / "notes.txt"
    text.write_text("weights?")
    with pytest.raises(
        ZooError, match=r"notes.txt: not a whole safetensors file .*get or train it"
    ):
        load(text)
    pickled = tmp_path / "old.pt"
    torch.save({"w": torch.ones(1)}, pickled)
    with pytest.raises(ZooError, match=r"old.pt: not a whole safetensors file"):
        load(pickled)


def test_truncated_files(zoo_path: Path) -> None:
    whole = zoo_path.read_bytes()
    cut = zoo_path.with_name("cut.safetensors")
    for size in (0, 1, 7, 8, 9, 100, 2000, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:size])
        with pytest.raises(ZooError, match=r"cut.safetensors: not a whole safetensors file"):
            load(cut)


def test_places_where_no_file_is(tmp_path: Path) -> None:
    for source in (tmp_path / "none.safetensors", str(tmp_path), "no_such_release"):
        with pytest.raises(UnknownName, match=f"no file or released zoo named '{source}'"):
            load(source)


NONSENSE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    1e9,
    "",
    "x",
    "E",
    [],
    {},
    [[]],
    {"spec": {}},
    {"a": [None]},
)


def mutated(value: Any, rng: random.Random) -> Any:
    """The document with one thing dropped or replaced by nonsense."""
    value = copy.deepcopy(value)
    at = value
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = rng.choice(keys)
        if isinstance(at[key], (dict, list)) and at[key] and rng.random() < 0.8:
            at = at[key]
            continue
        if rng.random() < 0.3:
            del at[key]
        else:
            at[key] = copy.deepcopy(rng.choice(NONSENSE))
        return value


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_two_hundred_damaged_headers(zoo_path: Path) -> None:
    """Whatever a header says, it is read, or refused with an error that users can read."""
    rng, original, refused = random.Random(0), header_of(zoo_path), 0
    text = json.dumps(original)
    for attempt in range(200):
        header = mutated(original, rng)
        forged = forge(zoo_path, header)
        try:
            zoo = load(forged)
            for name in zoo.card.graphs:
                zoo.graph(name)
        except READABLE:
            refused += 1
        except Exception as error:
            raise AssertionError(f"attempt {attempt}: {error!r} for {header}") from error
    assert json.dumps(original) == text
    assert 100 < refused < 200  # most headers are refused; some changes only touch the card


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


def test_unregistered_parts_cannot_be_sealed() -> None:
    with pytest.raises(ZooError, match="part 'X': Unregistered is not registered"):
        sealed({"X": Unregistered()})


def test_a_sealed_zoo_survives_its_file(make: Make, tmp_path: Path) -> None:
    closed = sealed(make(0))
    Zoo(closed, Card("MIT")).save(tmp_path / "a.safetensors")
    twin = load(tmp_path / "a.safetensors")
    assert space_of(twin) == space_of(closed)
    assert_same(edit(twin), edit(closed))
