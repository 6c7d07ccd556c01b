"""Two domains in folders: what is read, how it is cut and ordered, and what each error says."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image

from modgan.component import UnknownName
from modgan.data.domains import Domain, Domains, read_domains
from modgan.data.images import DataError, batch, cached, normalise, to_uint8
from modgan.data.sketches import Sketches
from modgan.data.table import SUFFIXES


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def save(path: Path, width: int = 20, height: int = 12, blue: int = 0) -> None:
    """A picture whose red is 5 x, green 5 y, so that a crop says where it comes from."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, :, 0], pixels[:, :, 1] = 5 * np.arange(width), 5 * np.arange(height)[:, None]
    pixels[:, :, 2] = blue
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three pictures of a, five of b (their numbers in blue), two and one to test with."""
    for k in range(3):
        save(tmp_path / f"trainA/{k}.png", blue=k)
    for k in range(5):
        save(tmp_path / f"trainB/in/{k}.png", blue=100 + k)
    (tmp_path / "trainB/.hidden.png").write_bytes(b"no picture")
    (tmp_path / "trainA/notes.txt").write_text("no picture")
    for k in range(2):
        save(tmp_path / f"testA/{k}.png")
    save(tmp_path / "testB/0.png")
    return tmp_path


def place(picture: torch.Tensor) -> tuple[int, int, bool]:
    """Where a crop begins, y and x, and whether it is mirrored."""
    red, green = to_uint8(picture)[:2].int() // 5
    return int(green.min()), int(red.min()), bool(red[0, 0] > red[0, -1])


def numbers(pictures: torch.Tensor) -> list[int]:
    return to_uint8(pictures)[:, 2, 0, 0].tolist()


def said(error: pytest.ExceptionInfo[Exception]) -> str:
    return str(error.value)


def test_reads_the_layout_of_cyclegan(root: Path) -> None:
    data = read_domains(root, size=12)
    assert list(data.domains) == ["a", "b"] and not data.paired
    assert data["a"].names == ("0.png", "1.png", "2.png")
    assert data["b"].names == tuple(f"in/{k}.png" for k in range(5))
    test = read_domains(str(root), "test", size=12)
    assert [len(domain) for domain in test.domains.values()] == [2, 1]


def test_more_than_two_domains(root: Path) -> None:
    save(root / "trainC/x.png", blue=9)
    data = read_domains(root, size=12)
    drawn = data.draw(0, 4, 0, rng())
    assert list(drawn) == ["a", "b", "c"] and numbers(drawn["c"]) == [9] * 4


def test_short_sides_are_resized_and_shapes_kept(tmp_path: Path) -> None:
    save(tmp_path / "trainA/wide.png", 40, 24)
    save(tmp_path / "trainA/tall.png", 12, 30)
    Image.new("LA", (9, 9), (0, 0)).save(tmp_path / "trainA/clear.png")
    (tmp_path / "trainB").mkdir()
    Image.new("L", (24, 24), 77).save(tmp_path / "trainB/grey.png")
    data = read_domains(tmp_path, size=12, load=18)
    held = dict(zip(data["a"].names, data["a"].pictures, strict=True))
    shapes = {name: tuple(picture.shape) for name, picture in held.items()}
    assert set(data["b"][0][0].flatten().tolist()) == {77}
    assert shapes == {"wide.png": (3, 18, 30), "tall.png": (3, 45, 18), "clear.png": (3, 18, 18)}
    assert set(data["a"][0][0].flatten().tolist()) == {255}  # what is transparent is white
    exact = Image.open(tmp_path / "trainA/wide.png").resize((30, 18), Image.Resampling.BILINEAR)
    assert (held["wide.png"].permute(1, 2, 0).numpy() == np.asarray(exact)).all()


def test_crops_are_everywhere_and_half_are_mirrored(root: Path) -> None:
    data = read_domains(root, size=10, load=12)
    seen = {place(p) for s in range(40) for p in data.draw(0, 30, 0, rng(s))["a"]}
    assert seen == {(y, x, m) for y in range(3) for x in range(11) for m in (False, True)}


def test_every_domain_has_its_own_order_and_epochs(root: Path) -> None:
    data = read_domains(root, size=12)
    drawn = data.draw(0, 15, 7, rng())
    a, b = numbers(drawn["a"]), numbers(drawn["b"])
    assert all(sorted(a[at : at + 3]) == [0, 1, 2] for at in range(0, 15, 3))
    assert all(sorted(b[at : at + 5]) == list(range(100, 105)) for at in range(0, 15, 5))
    later = data.draw(6, 4, 7, rng())
    assert numbers(later["a"]) == a[6:10] and numbers(later["b"]) == b[6:10]
    assert numbers(data.draw(0, 15, 8, rng())["b"]) != b


def test_draws_are_functions_of_their_arguments(root: Path) -> None:
    def drawn(seed: int) -> dict[str, torch.Tensor]:
        return read_domains(root, size=10, load=12).draw(5, 6, 1, rng(seed))

    one, same, other = drawn(3), drawn(3), drawn(4)
    for name in ("a", "b"):
        assert torch.equal(one[name], same[name]) and not torch.equal(one[name], other[name])
        assert one[name].shape == (6, 3, 10, 10) and one[name].dtype == torch.float32
    assert [place(p) for p in one["a"]] != [place(p) for p in one["b"]]


def test_tests_see_the_middles(root: Path) -> None:
    data = read_domains(root, "test", size=10, load=12)
    middles = data.middles([0])
    assert place(middles["a"][0]) == (1, 5, False)
    assert torch.equal(middles["b"], normalise(data["b"][0][0])[None])
    assert torch.equal(batch(data["a"], [0])[0], middles["a"])
    assert cached(data["a"]).images.shape == (2, 3, 10, 10)


def test_pairs_by_name_are_cut_alike(tmp_path: Path) -> None:
    for k in range(4):
        save(tmp_path / f"x/{k}.png", blue=k)
        save(tmp_path / f"y/{k}.bmp", blue=10 + k)
    data = read_domains({"x": tmp_path / "x", "y": tmp_path / "y"}, None, 10, 12, "names")
    drawn = data.draw(2, 9, 0, rng(1))
    assert [n + 10 for n in numbers(drawn["x"])] == numbers(drawn["y"])
    assert torch.equal(drawn["x"][:, :2], drawn["y"][:, :2])
    assert len({place(p) for p in drawn["x"]}) > 5


def test_pairs_in_order_need_no_names(tmp_path: Path) -> None:
    for k in range(3):
        save(tmp_path / f"trainA/photo{k}.png", blue=k)
        save(tmp_path / f"trainB/map{k}.png", blue=10 + k)
    drawn = read_domains(tmp_path, size=12, pairs="order").draw(0, 6, 0, rng())
    assert [n + 10 for n in numbers(drawn["a"])] == numbers(drawn["b"])


def test_one_folder_for_each_domain_is_divided_by_names(tmp_path: Path) -> None:
    for k in range(40):
        save(tmp_path / f"x/{k}.png")
        save(tmp_path / f"y/{k}.bmp")
    folders = {"x": tmp_path / "x", "y": tmp_path / "y"}
    test = read_domains(folders, "test", size=12)
    for domain in test.domains.values():
        everything = [f"{k}{Path(domain.names[0]).suffix}" for k in range(40)]
        assert domain.names == tuple(sorted(n for n in everything if crc32(n.encode()) % 10 == 9))
    paired = read_domains(folders, "test", size=12, pairs="names")
    assert [Path(n).stem for n in paired["y"].names] == [Path(n).stem for n in test["x"].names]
    assert len(read_domains(folders, None, size=12)["y"]) == 40


def test_drawn_pictures_are_domains_too() -> None:
    sets = {name: Sketches(5, 32, seed, name) for seed, name in enumerate(("sketch", "picture"))}
    data = Domains({name: Domain(cached(each).images, 32) for name, each in sets.items()})
    drawn = data.draw(0, 5, 0, rng())
    pictures = [normalise(sets["picture"][k][0]) for k in range(5)]
    for each in drawn["picture"]:
        assert any(torch.equal(each, p) or torch.equal(each, p.flip(2)) for p in pictures)


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_domains(tmp_path / "no")
    assert said(error) == (
        f"{tmp_path}/no: is not there; give the folder that holds trainA and trainB"
    )
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file: is a file; give the folder that holds testA"):
        read_domains(tmp_path / "file", "test")
    with pytest.raises(DataError) as error:
        read_domains(tmp_path)
    assert said(error) == (
        f"{tmp_path}: expected folders trainA, trainB and so on, one for each domain, got no "
        "folder; rename the folders, or name one for each domain"
    )
    (tmp_path / "trainA").mkdir()
    (tmp_path / "valB").mkdir()
    with pytest.raises(DataError, match="one for each domain, got trainA, valB; rename"):
        read_domains(tmp_path)
    with pytest.raises(DataError) as error:
        read_domains({"x": tmp_path / "x", "y": tmp_path / "y"})
    assert said(error) == (
        "2 things are wrong with the data:\n"
        f"{tmp_path}/x: no such folder; expected the pictures of domain 'x', check the path\n"
        f"{tmp_path}/y: no such folder; expected the pictures of domain 'y', check the path"
    )


def test_folders_without_pictures(root: Path) -> None:
    (root / "valA").mkdir()
    (root / "valB").mkdir()
    (root / "valB/list.txt").touch()
    kinds = ", ".join(SUFFIXES)
    with pytest.raises(DataError) as error:
        read_domains(root, "val")
    assert said(error) == (
        "2 things are wrong with the data:\n"
        f"{root}/valA: expected pictures ({kinds}), got nothing; add some, or give another folder\n"
        f"{root}/valB: expected pictures ({kinds}), got list.txt; add some, or give another folder"
    )


def test_one_empty_folder_is_named_alone(root: Path) -> None:
    for picture in (root / "testB").rglob("*.*"):
        picture.unlink()
    with pytest.raises(DataError) as error:
        read_domains(root, "test", size=12)
    assert said(error).endswith(
        f"{root}/testB: expected pictures ({', '.join(SUFFIXES)}), got "
        "nothing; add some, or give another folder"
    )
    assert "testA" not in said(error)


def test_a_split_that_stays_empty(root: Path) -> None:
    folders = {"x": root / "testA", "y": root / "trainB"}
    with pytest.raises(DataError) as error:
        read_domains(folders, "test")
    assert (
        f"{root}/testA: of its 2 pictures none falls to test by its name; add pictures, or take "
        "all with split None"
    ) in said(error)


def test_all_pictures_that_cannot_be_read_are_named(root: Path) -> None:
    (root / "trainA/1.png").write_bytes(b"broken")
    (root / "trainB/in/4.png").write_bytes(b"")
    with pytest.raises(DataError) as error:
        read_domains(root, size=12)
    end = (
        "cannot be read as a picture (it is in no picture format that Pillow knows); fetch or "
        "save the file again, or take it out of the data"
    )
    assert said(error) == (
        "2 of 8 pictures cannot be used:\n"
        f"  {root}/trainA/1.png: {end}\n  {root}/trainB/in/4.png: {end}"
    )


def test_pictures_without_a_partner_are_named(root: Path) -> None:
    save(root / "testB/z.png")
    save(root / "testB/y.png")
    with pytest.raises(DataError) as error:
        read_domains(root, "test", size=12, pairs="names")
    assert said(error) == (
        f"{root}/testA and {root}/testB: pairs need a file of the same name in each, got 2 and 3; "
        f"only in {root}/testA: 1.png; only in {root}/testB: y.png, z.png; add what is missing, "
        "take the others out, or leave them unpaired"
    )
    with pytest.raises(DataError, match="pairs need as many in each, got 2 and 3; only in"):
        read_domains(root, "test", size=12, pairs="order")
    (root / "testB/y.png").unlink()
    assert len(read_domains(root, "test", size=12, pairs="order")["b"]) == 2
    save(root / "testA/1.bmp")
    with pytest.raises(DataError) as error:
        read_domains(root, "test", size=12, pairs="names")
    assert said(error) == (
        f"{root}/testA: files of one name cannot be paired by it: 1.bmp, 1.png; rename them"
    )


def test_pairs_of_different_shapes(root: Path) -> None:
    save(root / "testB/1.png", 24, 12)
    with pytest.raises(DataError) as error:
        read_domains(root, "test", size=12, pairs="names")
    assert said(error) == (
        "Domains: paired pictures must be of one shape to be cut alike, 1 of 2 of a and b are "
        "not: 1.png (20x12 and 24x12); crop them alike before"
    )


def test_domains_from_tensors_are_checked() -> None:
    small, large = (torch.zeros(2, 3, n, n, dtype=torch.uint8) for n in (8, 16))
    with pytest.raises(DataError) as error:
        Domain([*large, *small], 16)
    assert said(error) == (
        "Domain: 2 of 4 pictures are smaller than 16 pixels: 2, 3; enlarge them, or ask for a "
        "smaller size"
    )
    with pytest.raises(DataError, match="Domain: has no pictures; give at least one"):
        Domain([], 16)
    with pytest.raises(ValueError, match="size must be at least 1 pixel, got 0"):
        Domain(large, 0)
    with pytest.raises(ValueError, match="expected two domains or more, got 1"):
        Domains({"x": Domain(large, 8)})
    with pytest.raises(DataError) as error:
        Domains({"x": Domain(large, 8), "y": Domain(large[:1], 8)}, paired=True)
    assert said(error) == (
        "Domains: paired, expected as many pictures of y as of x, got 1 and 2; leave out those "
        "without a partner"
    )
    with pytest.raises(DataError) as error:
        Domains({"x": Domain(large, 8), "y": Domain(large, 16)}, paired=True)
    assert said(error) == (
        "Domains: paired, expected crops of one size, got 8 pixels of x and 16 of y; give both one "
        "size"
    )
    with pytest.raises(UnknownName, match="z"):
        Domains({"x": Domain(large, 8), "y": Domain(large, 8)})["z"]


def test_arguments_are_checked(root: Path) -> None:
    with pytest.raises(ValueError) as error:
        read_domains(root, size=64, load=32)
    assert said(error) == (
        "read_domains: expected size of at least 1 pixel and load of at least size, got 64 and 32"
    )
    with pytest.raises(ValueError) as error:
        read_domains(root, None)
    assert said(error) == "read_domains: split None; expected train, val, test"
    with pytest.raises(ValueError) as error:
        read_domains({"x": root, "y": root}, "all")
    assert said(error) == "read_domains: split 'all'; expected train, val, test, or None for all"
    with pytest.raises(ValueError) as error:
        read_domains(root, pairs="yes")
    assert said(error) == "read_domains: pairs 'yes'; expected names, order or None"
