"""Tar shards: what was packed comes back, in an order that needs no state, and damage is named."""

from __future__ import annotations

import json
import pickle
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from shard_files import ATTRIBUTES, COUNTS, edit_index, files_of, write_pictures

from modgan.data.folder import ImageFolder
from modgan.data.images import DataError, batch
from modgan.data.order import Ordered, draw
from modgan.data.pack import pack
from modgan.data.shards import Shards
from modgan.data.table import LabelledFiles


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LabelledFiles]:
    folder = tmp_path_factory.mktemp("pictures")
    return {split: write_pictures(folder, split, count) for split, count in COUNTS.items()}


@pytest.fixture
def root(sources: dict[str, LabelledFiles], tmp_path: Path) -> Path:
    pack(sources, tmp_path / "packed", per_shard=4)
    return tmp_path / "packed"


# what was packed comes back


@pytest.mark.parametrize("split", ["val", "test"])
def test_pictures_and_labels_come_back(
    root: Path, sources: dict[str, LabelledFiles], split: str
) -> None:
    data = Shards(root, 8, split)
    assert data.attributes == ATTRIBUTES and list(data.attributes) == list(ATTRIBUTES)
    assert len(data) == COUNTS[split]
    for (picture, labels), (expected, wanted) in zip(data, sources[split], strict=True):
        assert torch.equal(picture, expected) and picture.dtype == torch.uint8
        assert torch.equal(labels, wanted) and labels.dtype == torch.int64


def test_train_is_packed_shuffled_and_whole(root: Path, sources: dict[str, LabelledFiles]) -> None:
    packed = [picture.numpy().tobytes() for picture, _ in Shards(root, 8)]
    folder = [picture.numpy().tobytes() for picture, _ in sources["train"]]
    assert packed != folder and Counter(packed) == Counter(folder)


def test_a_size_fits_the_pictures_when_packing(
    sources: dict[str, LabelledFiles], tmp_path: Path
) -> None:
    index = pack(sources, tmp_path / "packed", size=8)
    assert index.size == 8 and [len(shards) for shards in index.splits.values()] == [1, 1, 1]
    data = Shards(tmp_path / "packed", 8, "val")
    assert torch.equal(data[3][0], sources["val"][3][0])
    with pytest.raises(DataError, match=r"packed with 8 pixels, 9 are asked for; pack anew with"):
        Shards(tmp_path / "packed", 9, "val")


def test_files_are_packed_byte_for_byte(tmp_path: Path) -> None:
    data = write_pictures(tmp_path / "pictures", "val", 4, ".JPG")
    pack({"val": data}, tmp_path / "packed")
    files = files_of(tmp_path / "packed/val_000000.tar")
    assert files["00000002.jpg"] == data.rows[2].file.read_bytes()
    for (picture, _), (expected, _) in zip(
        Shards(tmp_path / "packed", 8, "val"), data, strict=True
    ):
        assert torch.equal(picture, expected)


def test_a_file_of_another_ending_is_packed_as_png(tmp_path: Path) -> None:
    data = write_pictures(tmp_path / "pictures", "val", 4, ".ppm")
    pack({"val": data}, tmp_path / "packed")
    assert "00000002.png" in files_of(tmp_path / "packed/val_000000.tar")
    assert torch.equal(Shards(tmp_path / "packed", 8, "val")[2][0], data[2][0])


def test_a_crop_is_packed(sources: dict[str, LabelledFiles], tmp_path: Path) -> None:
    val = sources["val"]
    cropped = LabelledFiles(val.table, val.rows, ATTRIBUTES, 8, crop=6, complete=False)
    pack({"val": cropped}, tmp_path / "packed")
    assert torch.equal(Shards(tmp_path / "packed", 8, "val")[1][0], cropped[1][0])
    assert not torch.equal(cropped[1][0], val[1][0])


def test_shards_are_as_webdataset_has_them_and_the_same_again(
    root: Path, sources: dict[str, LabelledFiles], tmp_path: Path
) -> None:
    pack(sources, tmp_path / "again", per_shard=4)
    names = sorted(path.name for path in root.iterdir())
    assert names[:2] == ["index.json", "test_000000.tar"] and len(names) == 1 + 6 + 1 + 2
    for name in names:
        assert (root / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    files = files_of(root / "test_000001.tar")
    assert list(files) == ["00000004.json", "00000004.png"]
    assert json.loads(files["00000004.json"]) == {"hair": "blond", "smile": "no"}


def test_large_pictures_close_a_shard_early(
    sources: dict[str, LabelledFiles], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modgan.data.pack.FULL", 10_240)  # what a tar file is flushed by
    index = pack({"test": sources["test"], "train": sources["train"]}, tmp_path / "packed")
    counts = {split: [each.count for each in shards] for split, shards in index.splits.items()}
    assert counts == {"test": [5], "train": [6, 6, 6, 5]}
    assert len(list(Shards(tmp_path / "packed", 8, "train"))) == 23


# the order


def test_every_epoch_has_each_picture_once(root: Path) -> None:
    data = Shards(root, 8, window=2)
    assert isinstance(data, Ordered)
    sequence = draw(data, 0, 23 * 4, 7).tolist()
    epochs = [sequence[k : k + 23] for k in range(0, len(sequence), 23)]
    assert all(sorted(epoch) == list(range(23)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert draw(data, 0, 23, 8).tolist() != epochs[0]


@pytest.mark.parametrize("window", [1, 2, 4, 9])
def test_any_piece_is_the_piece_of_the_whole(root: Path, window: int) -> None:
    data = Shards(root, 8, window=window)
    whole = data.order(0, 80, 7)
    for position in range(0, 60, 7):
        assert torch.equal(data.order(position, 20, 7), whole[position : position + 20])
    assert data.order(5, 0, 7).shape == (0,)


def test_far_positions_are_as_cheap_as_near_ones(root: Path) -> None:
    data = Shards(root, 8, window=2)
    far = 23 * 10**9
    assert sorted(data.order(far, 23, 7).tolist()) == list(range(23))
    assert torch.equal(data.order(far, 23, 7)[9:], Shards(root, 8, window=2).order(far + 9, 14, 7))


def test_only_a_window_of_shards_is_read_at_a_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import modgan.data.shards as module

    loaded = []
    load = module._load
    monkeypatch.setattr(
        module, "_load", lambda path, shard: loaded.append(path) or load(path, shard)
    )
    data = Shards(root, 8, window=2)
    for index in data.order(0, 23, 7).tolist():
        data[index]
        assert len(data._loaded) <= 2
    assert len(loaded) == 6  # each shard once in an epoch


def test_threads_read_the_same_as_one(root: Path) -> None:
    data, alone = Shards(root, 8, window=1), Shards(root, 8)
    indices = alone.order(0, 200, 3).tolist()
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(data.__getitem__, indices))
    for index, (picture, labels) in zip(indices, read, strict=True):
        assert torch.equal(picture, alone[index][0]) and torch.equal(labels, alone[index][1])


def test_another_process_gets_the_same(root: Path) -> None:
    data = Shards(root, 8, "val", window=3)
    other = pickle.loads(pickle.dumps(data))
    pictures, labels = batch(other, [2, 0])
    assert other.window == 3
    assert torch.equal(pictures, batch(data, [2, 0])[0]) and labels.tolist() == [[2, 0], [0, 0]]


def test_there_is_nothing_past_the_end(root: Path) -> None:
    for index in (-1, 23):
        with pytest.raises(IndexError, match=f"picture {index} of 23"):
            Shards(root, 8)[index]


# a remote set


@pytest.fixture
def server(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if shutil.which("curl") is None:
        pytest.skip("webdataset fetches with curl")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def remote(root: Path, server: str, tmp_path: Path) -> Path:
    """A folder with an index alone, whose shards are at the server."""
    folder = tmp_path / "remote"
    folder.mkdir()
    (folder / "index.json").write_bytes((root / "index.json").read_bytes())
    edit_index(folder, lambda index: index.update(url=server))
    return folder


def test_remote_shards_are_fetched_and_the_cache_is_bounded(root: Path, remote: Path) -> None:
    bound = 2 * (root / "train_000000.tar").stat().st_size
    data, local = Shards(remote, 8, window=1, cache_bytes=bound), Shards(root, 8)
    for index in local.order(0, 23, 5).tolist():
        assert torch.equal(data[index][0], local[index][0])
    assert 1 <= len(list((remote / "cache").iterdir())) <= 3


def test_a_shard_is_fetched_once(root: Path, remote: Path) -> None:
    expected = Shards(root, 8, "val")[0][0]
    assert torch.equal(Shards(remote, 8, "val")[0][0], expected)
    (root / "val_000000.tar").unlink()
    assert torch.equal(Shards(remote, 8, "val")[0][0], expected)


def test_a_shard_that_cannot_be_fetched_is_named(root: Path, remote: Path) -> None:
    (root / "val_000000.tar").unlink()
    with pytest.raises(DataError, match=r"/val_000000\.tar: cannot be fetched .*check the connec"):
        Shards(remote, 8, "val")[0]
    assert not list((remote / "cache").glob("*.tar"))


def test_a_damaged_shard_is_fetched_again(root: Path, remote: Path) -> None:
    path = root / "val_000000.tar"
    good = path.read_bytes()
    path.write_bytes(b"<html>log in first</html>")
    with pytest.raises(DataError, match="it is no uncompressed tar file"):
        Shards(remote, 8, "val")[0]
    path.write_bytes(good)
    assert torch.equal(Shards(remote, 8, "val")[0][0], Shards(root, 8, "val")[0][0])


# what packing refuses


def test_packing_overwrites_nothing(root: Path, sources: dict[str, LabelledFiles]) -> None:
    with pytest.raises(DataError, match=r"packed: exists already; choose another folder, or rem"):
        pack(sources, root)


def test_packing_that_fails_leaves_no_set(
    sources: dict[str, LabelledFiles], tmp_path: Path
) -> None:
    broken = write_pictures(tmp_path / "pictures", "val", 4)
    broken.rows[2].file.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"val2\.png: cannot be read as a picture"):
        pack({"test": sources["test"], "val": broken}, tmp_path / "packed")
    assert [path.name for path in (tmp_path / "packed").iterdir()] == ["test_000000.tar"]


def test_packing_checks_what_it_is_given(
    root: Path, sources: dict[str, LabelledFiles], tmp_path: Path
) -> None:
    for size, per_shard in ((0, 4), (8, 0)):
        with pytest.raises(DataError, match="expected a size of at least 1 pixel and 1 to"):
            pack(sources, tmp_path / "new", size, per_shard)
    with pytest.raises(DataError, match="'val' is Shards, expected pictures in files; give the f"):
        pack({"val": Shards(root, 8, "val")}, tmp_path / "new")
    with pytest.raises(DataError, match="no splits are given"):
        pack({}, tmp_path / "new")
    with pytest.raises(DataError, match="'a/b' cannot name"):
        pack({"a/b": sources["val"]}, tmp_path / "new")
    val = sources["val"]
    fewer = LabelledFiles(val.table, val.rows, {"hair": ATTRIBUTES["hair"]}, 8, complete=False)
    with pytest.raises(DataError, match=r"split 'val' has attributes .*; all must have the same"):
        pack({"train": sources["train"], "val": fewer}, tmp_path / "new")


# the command


def test_the_command_packs_a_folder(
    sources: dict[str, LabelledFiles], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from modgan.cli import main

    folder = sources["train"].table.parent
    lines = [
        f"{row.file.name},{ATTRIBUTES['hair'][row.labels[0]]},{row.labels[1]},{split}"
        for split, data in sources.items()
        for row in data.rows
    ]
    (folder / "attributes.csv").write_text("\n".join(["file,hair,smile,split", *lines]))
    out = tmp_path / "packed"
    assert main(["pack", str(folder), "-o", str(out), "--size", "8", "--per-shard", "10"]) == 0
    assert capsys.readouterr().out == f"{out}: train 23, val 4, test 5 pictures in 5 shards\n"
    assert torch.equal(
        Shards(out, 8, "test")[4][0], ImageFolder(folder, size=8, split="test")[4][0]
    )
    assert main(["pack", str(folder), "-o", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
