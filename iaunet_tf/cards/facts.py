"""What there is to say about a run, read from its folder alone."""

import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from iaunet_tf.cards.datasets import DataTerms, terms_of
from iaunet_tf.cards.origins import Origin, origins_of
from iaunet_tf.config.common import Config
from iaunet_tf.config.stored import stored_config
from iaunet_tf.errors import InputError
from iaunet_tf.inference.measured import digests_of, read_thresholds
from iaunet_tf.run import Run
from iaunet_tf.thresholds import Thresholds

ADAPTATION = "adaptation"  # name of a row of data: images without labels
METRICS = {"reid": ("mAP", "rank-1", "rank-5", "rank-10", "mINP"), "classification": ("top-1", "top-5")}


@dataclass(frozen=True)
class Result:
    """A row of the table of results: a label, metrics in 0..1 and 95 % intervals by name; and the data set of an
    ordinary ranking, by the name of its reader, None of others."""

    label: str
    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    on: str | None


@dataclass(frozen=True)
class Facts:
    """A finished run.

    Attributes:
        noted: content of `card.json`; empty for runs of older versions.
    """

    run: Run
    config: Config
    metrics: dict[str, dict]
    noted: dict

    @classmethod
    def of(cls, run: Run) -> "Facts":
        """Reads a run's folder.

        Raises:
            InputError: it is not that of a finished run, or a file in it is damaged.
        """
        config = stored_config(run.require().path)
        if getattr(config.data, "fold", 0) == "all":
            raise InputError(f"{run.path}: holds a run for each fold; take one of them, such as {run.fold(0).path}")
        if not run.model.is_file():
            remedy = f"finish the run by iaunet train --resume {run.path}"
            raise InputError(f"{run.path}: contains no final model ({run.model.name}); {remedy}")
        metrics, noted = (_read(file, run) for file in (run.metrics, run.facts))
        if not all(isinstance(values, dict) for values in metrics.values()):
            raise _damaged(run.metrics, run)
        kinds = {"name": str, "sets": list, "entries": int, "unit": str}
        if not all(isinstance(row, dict) for row in noted.get("data", [])) or not all(
            isinstance(row.get(key), kind) for row in noted.get("data", []) for key, kind in kinds.items()
        ):
            raise _damaged(run.facts, run)
        return cls(run, config, metrics, noted)

    @property
    def rows(self) -> list[dict]:
        """What it was trained on and judged by, see `Task.data_rows`."""
        return self.noted.get("data", [])

    @property
    def trained_on(self) -> list[str]:
        """Data sets, by the names of their readers."""
        known = [name for row in self.rows if row["name"] in ("train", ADAPTATION) for name in row["sets"]]
        more = getattr(self.config.data, "more", [])
        return known or [self.config.data.name, *(entry.partition("=")[0] for entry in more)]

    @property
    def tested_on(self) -> dict[str, str]:
        """Data sets by the labels of their ordinary rankings."""
        name, tests = self.config.name, [entry.partition("=")[0] for entry in getattr(self.config.data, "test", [])]
        labels = [f"{name} on {test}" for test in tests] or [name]
        known = [row["sets"][0] for row in self.rows if row["name"] in ("query", "val")]
        return dict(zip(labels, known or tests or [self.config.data.name], strict=False))

    @cached_property
    def origins(self) -> list[Origin]:
        """What it began with."""
        return list(origins_of(self.run, self.config))

    @cached_property
    def terms(self) -> dict[str, DataTerms]:
        """What is known of every data set that it knows something of, or was judged by."""
        inherited = [name for origin in self.origins for name in origin.sets]
        names = dict.fromkeys([*self.trained_on, *self.tested_on.values(), *inherited])
        return {name: terms_of(name, self.rows) for name in names}

    def titles(self, names: Iterable[str]) -> str:
        """What data sets are called, in words."""
        return joined([self.terms[name].title for name in names])

    @property
    def results(self) -> list[Result]:
        """What was measured, in the order of `metrics.json`."""
        return [
            Result(
                label,
                {name: values[name] for name in METRICS[self.config.task] if isinstance(values.get(name), float | int)},
                values.get("95 %", {}),
                self.tested_on.get(label),
            )
            for label, values in self.metrics.items()
        ]

    @cached_property
    def thresholds(self) -> Thresholds | None:
        """Those beside the network, which `Embedder` reads; None if there are none.

        Raises:
            InputError: they are damaged, or of another network, such as of fewer epochs.
        """
        return read_thresholds(self.run.model, digests_of(self.run.model, [self.run.model]))

    @property
    def saved(self) -> dict[str, str]:
        """What the file of the network says of itself: `date_saved` and `keras_version`."""
        try:
            with zipfile.ZipFile(self.run.model) as archive:
                content = json.loads(archive.read("metadata.json"))
            return {key: str(content[key]) for key in ("date_saved", "keras_version")}
        except (zipfile.BadZipFile, ValueError, LookupError, TypeError):
            raise InputError(f"{self.run.model}: damaged or not a .keras file") from None


def _read(path, run) -> dict:
    """The content of a JSON file of a run; nothing if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and all(isinstance(value, dict | list | str) for value in content.values()):
            return content
    except FileNotFoundError:
        return {}
    except ValueError:  # no JSON, or no UTF-8
        pass
    raise _damaged(path, run)


def _damaged(path, run):
    return InputError(f"{path}: damaged; iaunet evaluate {run.path} writes it anew")


def counted(row: dict) -> str:
    """The counts of a row of data, in words."""
    words = {"identities": "identities", "classes": "classes", "entries": row["unit"], "frames": "frames"}
    words |= {"cameras": "cameras", "masks": "with part masks"}
    return ", ".join(f"{row[key]:,} {what}" for key, what in words.items() if row.get(key))


def joined(names: Sequence[str]) -> str:
    """`a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
