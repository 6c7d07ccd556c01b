"""Memory and speed of reading a whole epoch from tar shards, beside the plain folder reader.

    python benchmarks/shards.py [-n 100000]

Makes `n` distinct pictures of 64x64, packs them, reads an epoch in batches of 32 in a fresh process
for each reader, and starts once more in the middle. Writes docs/results/shards.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from modgan.data.folder import ImageFolder
from modgan.data.images import AttributeImages, batch
from modgan.data.order import draw
from modgan.data.pack import PER_SHARD, pack
from modgan.data.shards import WINDOW, Shards
from modgan.files import replacing

KINDS = ("shards", "folder")
SIZE, BATCH, SEED = 64, 32, 0
MARKS = (1_000, 10_000, 100_000)
CHECKED = 20  # batches that are compared after a start in the middle
ROUNDS = 7  # pairs of blocks of `WINDOW` full shards that are timed in turn


def make(folder: Path, count: int) -> None:
    """Distinct pictures: coloured gradients with noise, labelled by their colours and numbers."""
    rng = np.random.default_rng(SEED)
    slope = np.linspace(0, 1, SIZE)[:, None, None]
    noise = rng.integers(0, 8, (64, SIZE, SIZE, 3))
    with (folder / "attributes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "shade", "even"])
        for index in tqdm(range(count), "drawing", unit="picture"):
            top, bottom = rng.integers(0, 248, (2, 3))
            pixels = top + slope * (bottom - top) + noise[index % len(noise)]
            name = f"{index // 1000:04d}/{index:07d}.png"
            (folder / name).parent.mkdir(exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name, compress_level=1)
            table.writerow([name, ("dark", "light")[int(top.sum() > 372)], index % 2])


def peak() -> float:
    """The most memory that this process had so far, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1000


def read(data: AttributeImages, start: int, stop: int) -> dict[str, Any]:
    """Read the batches from position `start` to `stop`: memory, digests by position."""
    marks, digests, seen = {"0": peak()}, {}, np.zeros(len(data), dtype=np.uint8)
    middle = middle_of(len(data))
    for position in range(start, stop, BATCH):
        indices = draw(data, position, min(BATCH, stop - position), SEED)
        seen[indices.numpy()] += 1
        pictures, labels = batch(data, indices)
        if middle <= position < middle + CHECKED * BATCH:
            values = pictures.numpy().tobytes() + labels.numpy().tobytes()
            digests[str(position)] = blake2b(values).hexdigest()
        for mark in MARKS:
            if position - start < mark <= position - start + len(indices):
                marks[str(mark)] = peak()
    return {"marks": marks, "digests": digests, "once": bool((seen == 1).all())}


def compare(folder: Path) -> dict[str, list[float]]:
    """Pictures per second of both readers, block by block in turn: others use the machine too."""
    readers = {kind: reader(kind, folder) for kind in KINDS}
    speeds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    block = WINDOW * PER_SHARD // BATCH * BATCH
    for k in range(ROUNDS):
        for kind, data in readers.items():
            began = time.perf_counter()
            for position in range(k * block, (k + 1) * block, BATCH):
                batch(data, draw(data, position, BATCH, SEED))
            speeds[kind].append(block / (time.perf_counter() - began))
    return speeds


def middle_of(count: int) -> int:
    """Where the second start is: about half an epoch in, at the start of a batch."""
    return count // 2 // BATCH * BATCH


def reader(kind: str, folder: Path) -> AttributeImages:
    """The data set that a fresh process reads."""
    if kind == "folder":
        return ImageFolder(folder / "pictures", size=SIZE, split=None)
    return Shards(folder / "shards", SIZE)


def fresh(kind: str, folder: Path, middle: bool = False) -> dict[str, Any]:
    """What `read` reports from a process of its own."""
    command = [sys.executable, __file__, "--read", kind, "--folder", str(folder)]
    done = subprocess.run(
        [*command, *(["--middle"] if middle else [])], check=True, stdout=subprocess.PIPE
    )
    return json.loads(done.stdout)


def page(count: int, results: dict[str, dict[str, Any]], same: bool, packed: str) -> str:
    """The results as a page of text."""
    marks = [mark for mark in results["shards"]["marks"] if int(mark) <= count]
    head = [f"after {int(mark):,}" if int(mark) else "opened" for mark in marks]
    table = [["reader", *head, "each once", "pictures/s"], ["---"] * (len(marks) + 3)]
    speeds = results["both"]
    for kind in KINDS:
        row = [f"{results[kind]['marks'][mark]:.0f}" for mark in marks]
        once = "yes" if results[kind]["once"] else "NO"
        table.append([kind, *row, once, f"{median(speeds[kind]):.0f}"])
    lines = "\n".join(f"| {' | '.join(row)} |" for row in table)
    ratios = sorted(a / b for a, b in zip(speeds["shards"], speeds["folder"], strict=True))
    return f"""# Reading from shards

`python benchmarks/shards.py -n {count}`: {count:,} distinct pictures of {SIZE}x{SIZE}, packed in
shards of {PER_SHARD:,} ({packed}), then one whole epoch (seed {SEED}) in batches of {BATCH}, in a
fresh process for each reader, in one thread. Peak memory of the process (VmHWM of
/proc/self/status) in MB; at most {WINDOW} shards are held:

{lines}

"Opened" is Python with torch and, of the folder, the list of its files.

Speed: {ROUNDS} blocks of {WINDOW * PER_SHARD // BATCH * BATCH:,} pictures with each reader in turn,
as other work may share the machine, in one process, all files in the disk cache. Shards are read
at {median(ratios):.2f} times the speed of the folder (median; {ratios[0]:.2f} to {ratios[-1]:.2f}).

A process that starts at picture {middle_of(count):,} of the epoch gets the same {CHECKED} batches
as one that came there from its start: {"yes" if same else "NO"} (digests of pixels and labels).
"""


def measure(count: int, folder: Path) -> str:
    """Make, pack and read `count` pictures."""
    (folder / "pictures").mkdir()
    make(folder / "pictures", count)
    began = time.perf_counter()
    source = ImageFolder(folder / "pictures", size=SIZE, split=None)
    pack({"train": source}, folder / "shards", progress=True)
    seconds = time.perf_counter() - began
    size = sum(path.stat().st_size for path in (folder / "shards").iterdir()) / 1e6
    results = {kind: fresh(kind, folder) for kind in (*KINDS, "both")}
    same = fresh("shards", folder, middle=True)["digests"] == results["shards"]["digests"]
    return page(count, results, same, f"{size:.0f} MB in all, written in {seconds:.0f} s")


def main() -> None:
    """Measure, or read as the process that measures asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=MARKS[-1], help="pictures")
    parser.add_argument("--read", choices=(*KINDS, "both"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--middle", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read == "both":
        print(json.dumps(compare(given.folder)))
        return
    if given.read:
        data = reader(given.read, given.folder)
        start = middle_of(len(data)) if given.middle else 0
        stop = start + CHECKED * BATCH if given.middle else len(data)
        print(json.dumps(read(data, start, stop)))
        return
    if given.n < 2 * MARKS[0]:
        parser.error(f"-n: at least {2 * MARKS[0]}")
    with tempfile.TemporaryDirectory() as folder:
        text = measure(given.n, Path(folder))
    out = Path(__file__).parents[1] / "docs/results/shards.md"
    with replacing(out) as temporary:
        temporary.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
