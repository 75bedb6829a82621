"""Who is who across cameras of drawn worlds: IDF1, HOTA, switches, and identities regained after leaving.

`python -m benchmarks.identify FOLDER NETWORK...` draws worlds into FOLDER, follows people in them by their true boxes
and by those of a detector that errs, and identifies their tracklets with each network: folders of runs, `NAME-SEED`.
`--settings` tries the first one with more or fewer crops, and with cameras that are not `apart`. A network's threshold
is the one of best IDF1 on world `CHOICE`. What is there is not done again. Results: `identify.csv`, `settings.csv`.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, combinations, dropwhile, pairwise, product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from scipy.optimize import linear_sum_assignment
from trackers.eval import box_iou, compute_hota_metrics, compute_identity_metrics

from iaunet_tf.data.synthetic.world import WorldOptions, draw_world
from iaunet_tf.files import replacing
from iaunet_tf.inference import Embedder
from iaunet_tf.vectors import unit_length
from iaunet_tf.video.detectors import open_detector
from iaunet_tf.video.identities import identify
from iaunet_tf.video.watching import Clock, Settings, Video, boxes_of, watch

CHOICE, WORLDS = 100, (0, 1, 2)  # seeds of the world that thresholds are chosen on, and of those that are measured
BOXES = {"true": ".txt", "noisy": ".noisy.txt"}
THRESHOLDS = np.arange(0.05, 1.201, 0.025)
AWAY = 1.0  # seconds that nobody sees a person, after which it is another visit
opened = lru_cache(maxsize=1)(Embedder)
FIGURES = ("threshold", "IDF1", "HOTA", "switches", "regained", "identities")


def main() -> None:
    """Prints the table of networks, or that of settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("networks", nargs="+", type=Path)
    parser.add_argument("--settings", action="store_true")
    options = parser.parse_args()
    found = list((of_settings if options.settings else of_networks)(options.folder, options.networks))
    name = "settings" if options.settings else "identify"
    with replacing(options.folder / f"{name}.csv") as path, path.open("w", newline="") as file:
        csv.writer(file).writerows([found[0], *(row.values() for row in found)])
    print(f"| | boxes | {' | '.join(FIGURES)} |\n| --- | --- |{' --- |' * len(FIGURES)}")
    for name, boxes in dict.fromkeys((row["name"], row["boxes"]) for row in found):
        values = [[row[key] for key in FIGURES] for row in found if (row["name"], row["boxes"]) == (name, boxes)]
        figures = zip(np.mean(values, axis=0), np.std(values, axis=0, ddof=1), strict=True)
        print(f"| {name} | {boxes} | {' | '.join(f'{mean:.3f} ± {spread:.3f}' for mean, spread in figures)} |")


def of_networks(folder: Path, networks: list[Path]) -> Iterator[dict]:
    """The figures of all networks, and of the best and the simplest of answers, world by world."""
    worlds = {boxes: {seed: Watched(folder, seed, boxes) for seed in (CHOICE, *WORLDS)} for boxes in BOXES}
    for boxes, seed in product(BOXES, WORLDS):
        world = worlds[boxes][seed]
        yield world.row("the truth", "", np.nan, world.real)
        perfect = np.eye(len(world.real))[np.unique(world.real, return_inverse=True)[1]]
        yield world.row("perfect embeddings", "", np.nan, world.identified(perfect, 0.5))
        yield world.row("all are new", "", np.nan, np.arange(len(world.tracklets)))
    for path, boxes in product(networks, BOXES):
        yield from of_network(path, worlds[boxes], path.name.rsplit("-", 1)[0])


def of_settings(folder: Path, networks: list[Path]) -> Iterator[dict]:
    """The figures of one network in various settings, on true boxes."""
    for crops in (4, 8, 16):
        worlds = {seed: Watched(folder, seed, "true", crops) for seed in (CHOICE, *WORLDS)}
        for rule in (True, False):
            yield from of_network(networks[0], worlds, f"{crops} crops, with{'out' * (not rule)} apart", rule)


def of_network(path: Path, worlds: dict[int, "Watched"], name: str, rule: bool = True) -> Iterator[dict]:
    """The figures of a network on the worlds, with the threshold that is best on `CHOICE`."""
    vectors = {seed: world.vectors(path) for seed, world in worlds.items()}
    answers = [worlds[CHOICE].identified(vectors[CHOICE], each, rule) for each in THRESHOLDS]
    tried = [worlds[CHOICE].score(compute_identity_metrics, labels)["IDF1"] for labels in answers]
    threshold = float(THRESHOLDS[np.argmax(tried)])
    for seed in WORLDS:
        yield worlds[seed].row(name, path.name, threshold, worlds[seed].identified(vectors[seed], threshold, rule))


class Clips:
    """Takes an embedder's place: writes the clips of tracklets to a folder, and returns their numbers."""

    metadata = SimpleNamespace(video=True)

    def __init__(self, folder: Path):
        self.folder, self.count = folder, 0

    def __call__(self, clips: list) -> np.ndarray:
        self.count += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        np.savez(self.folder / f"{self.count}.npz", *clips[0])
        return np.array([[self.count]])


class Watched:
    """A world whose videos were watched, and the truth of them.

    Attributes:
        tracklets: those of all cameras that are long enough to be identified, T of them.
        frames: of all frames of all cameras, who is to be seen, which tracklets were found, and their boxes' IoU.
        shown: whom each box shows, `(N, 3)`: person, number of the person's visit, tracklet.
        begins: the first frame of each visit, by person.
        real: whom most boxes of each tracklet show, `(T,)`; a number of its own if they show nobody.
    """

    def __init__(self, folder: Path, seed: int, boxes: str, crops: int = 8):
        world, self.folder = folder / str(seed), folder / f"{seed}-{boxes}-{crops}"
        draw_world(world, WorldOptions(seed=seed))
        description = json.loads((world / "world.json").read_text())
        videos = [Video(str(path), path.stem, path.with_suffix(BOXES[boxes])) for path in sorted(world.glob("*.mp4"))]
        pairs = map(frozenset, combinations([video.camera for video in videos], 2))
        self.apart = {*pairs} - {*map(frozenset, description["overlaps"])}
        self.about, self.tracklets, self.frames = {"boxes": boxes, "world": seed}, [], []
        matched, present, settings = [], {}, Settings(crops=crops)
        for video in videos:
            clips = Clips(self.folder / "clips" / video.camera)
            detect = open_detector(video.detections)
            tracklets = watch(video, detect, clips, self.folder, settings, Clock(), int)
            found = [each for each in tracklets if each.embedding is not None]
            numbers = {each.track: len(self.tracklets) + row for row, each in enumerate(found)}
            self.tracklets += found
            boxes_found = [(f, numbers[t], *box) for f, _, t, box in boxes_of(self.folder, video) if t in numbers]
            tracks = np.array(boxes_found).reshape(-1, 6)
            truth = np.loadtxt(world / f"{video.camera}.txt", delimiter=",", ndmin=2)
            for frame in range(1, round(description["seconds"] * description["rate"]) + 1):
                real, own = truth[truth[:, 0] == frame], tracks[tracks[:, 0] == frame]
                people, rows = real[:, 1].astype(int), own[:, 1].astype(int)
                alike = box_iou(real[:, 2:6], own[:, 2:6], "xywh").reshape(len(people), len(rows))
                self.frames.append((people, rows, alike))
                for person in people:
                    present.setdefault(person, set()).add(frame)
                fits = zip(*linear_sum_assignment(-alike), strict=True)
                matched += [(people[a], frame, rows[b]) for a, b in fits if alike[a, b] >= 0.5]  # as for IDF1
        self.begins, away = {}, AWAY * description["rate"]
        for person, when in present.items():
            self.begins[person] = [frame for last, frame in pairwise([-np.inf, *sorted(when)]) if frame - last > away]
        self.shown = np.array([(p, np.searchsorted(self.begins[p], f, "right") - 1, row) for p, f, row in matched])
        whom = [most(self.shown[self.shown[:, 2] == row, 0]) for row in range(len(self.tracklets))]
        self.real = np.array([-1 - row if person is None else person for row, person in enumerate(whom)])

    def vectors(self, network: Path) -> np.ndarray:
        """Embeddings of the tracklets by the folder of a run, `(T, D)`."""
        path = self.folder / "vectors" / f"{network.name}.npy"
        if not path.is_file():
            embed, clips = opened(network), []
            for each in self.tracklets:
                with np.load(self.folder / "clips" / each.camera / f"{int(each.embedding[0])}.npz") as clip:
                    clips.append([clip[name] for name in clip.files])
            # As `watching.embedding` has it, for all tracklets at once, which is several times as fast.
            at = np.cumsum([0, *map(len, clips[:-1])])
            found = embed(clips) if embed.metadata.video else unit_length(np.add.reduceat(embed([*chain(*clips)]), at))
            with replacing(path) as temporary:
                np.save(temporary, found)
        return np.load(path)

    def identified(self, vectors: np.ndarray, threshold: float, rule: bool = True) -> np.ndarray:
        """The number of each tracklet's identity `(T,)`."""
        given = [replace(each, embedding=vector) for each, vector in zip(self.tracklets, vectors, strict=True)]
        identify(given, threshold, apart=self.apart if rule else ())
        return np.unique([each.identity for each in given], return_inverse=True)[1]

    def row(self, name: str, run: str, threshold: float, labels: np.ndarray) -> dict:
        """All figures of an answer: the identity of each tracklet `(T,)`."""
        switches, regained = [], []
        order = np.argsort([each.start for each in self.tracklets], kind="stable")
        for person, begins in self.begins.items():
            switches.append(np.count_nonzero(np.diff(labels[order][self.real[order] == person])))
            own = self.shown[self.shown[:, 0] == person]
            names = [most(labels[own[own[:, 1] == visit, 2]]) for visit in range(len(begins))]
            names = [*dropwhile(lambda name: name is None, names)]  # nobody was found
            regained += [name == names[0] for name in names[1:]]
        return {"name": name, "run": run, **self.about, "threshold": threshold} | {
            "IDF1": self.score(compute_identity_metrics, labels)["IDF1"],
            "HOTA": self.score(compute_hota_metrics, labels)["HOTA"],
            "switches": np.mean(switches),
            "regained": np.mean(regained),
            "identities": len(np.unique(labels)),
            "visits after the first": len(regained),
        }

    def score(self, metrics: Callable, labels: np.ndarray) -> dict:
        """Metrics of `trackers` of an answer, all frames of all cameras being one sequence."""
        people, rows, alike = zip(*self.frames, strict=True)
        return metrics(people, [labels[each] for each in rows], alike)


def most(values: Sequence[int]) -> int | None:
    """The most frequent value, the smallest of several; None if there are none."""
    return max(sorted(Counter(map(int, values)).items()), key=lambda item: item[1])[0] if len(values) else None


if __name__ == "__main__":
    main()
