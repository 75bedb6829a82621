"""What of a run goes to the hub: the files named here and no other, so that no image, embedding or path of it does."""

import copy
import os
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml
from huggingface_hub import ModelCard

from iaunet_tf.cards.facts import Facts
from iaunet_tf.config.common import Config
from iaunet_tf.errors import InputError
from iaunet_tf.files import printable
from iaunet_tf.inference.measured import thresholds_file
from iaunet_tf.run import Run
from iaunet_tf.weights.pretrained import PRETRAINED

EXPORTS = (".onnx", ".tflite")
DESCRIPTIONS = ("config.json", "metadata.json")  # of a network, in a .keras file
LEAST = 4  # characters of a path that is looked for


@dataclass(frozen=True)
class Upload:
    """A file for the hub: its name there, and its content or where that is."""

    name: str
    content: bytes | Path

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


def uploads_of(facts: Facts, card: ModelCard, exports: Sequence[Path] = ()) -> list[Upload]:
    """What goes to the hub of a finished run: its card, network, thresholds, metrics, configuration and exports.

    Raises:
        InputError: an export is none or is not there, or there is a path of this machine in a file.
    """
    run, config = facts.run, facts.config
    files = [run.model, *([thresholds_file(run.model)] if facts.thresholds else []), run.metrics]
    for export in exports:
        if export.suffix not in EXPORTS or not export.is_file():
            raise InputError(f"--with {export}: takes .onnx and .tflite files that iaunet export has written")
        files += [export, thresholds_file(export)]
    found = [Upload(run.card.name, str(card).encode())]
    found += [Upload(printable(file.name), file) for file in files if file.is_file()]
    shown = yaml.safe_dump(asdict(without_places(config)), sort_keys=False)
    found.append(Upload(run.config.name, shown.encode()))
    names = [upload.name for upload in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"two files are called {twice}; rename one")
    places = _places(run, config)
    for upload in found:
        _check(upload, places)
    return found


def without_places(config: Config) -> Config:
    """A configuration without paths of this machine: data sets are called by their names, networks by those of their
    files."""
    config = copy.deepcopy(config)
    data, model = config.data, config.model
    config.run_dir, data.root = None, data.name
    model.weights = model.weights and _name(model.weights)
    if config.task == "reid":
        data.cache_dir = type(data).cache_dir
        for key in ("more", "test"):
            setattr(data, key, [f"{name}={name}" for name in (each.partition("=")[0] for each in getattr(data, key))])
        config.loss.teacher = config.loss.teacher and _name(config.loss.teacher)
        config.eval.ensemble = [_name(each) for each in config.eval.ensemble]
    return config


def _name(source):
    return source if source in PRETRAINED else Path(source).name


def _places(run: Run, config: Config) -> Iterable[str]:
    """Paths that the configuration of a run, which is absolute, or its files might tell."""
    found = {str(Path.home()), str(run.path.absolute()), str(run.path.resolve())}
    found |= {config.data.root, config.model.weights}
    if config.task == "reid":
        found |= {entry.partition("=")[2] for entry in (*config.data.more, *config.data.test)}
        found |= {config.loss.teacher, *config.eval.ensemble}
    return [place for place in found if place and os.path.isabs(place) and len(place) >= LEAST]


def _check(upload, places):
    for content in _contents(upload):
        for place in places:
            if os.fsencode(place) in content:
                raise InputError(
                    f"{upload.name}: tells {place}, a path of this machine; take it out, or leave the file"
                )


def _contents(upload):
    """What can be read in a file."""
    if upload.name.endswith(".keras"):
        with zipfile.ZipFile(upload.content) as archive:
            yield from (archive.read(name) for name in DESCRIPTIONS)
    else:
        yield upload.content if isinstance(upload.content, bytes) else upload.content.read_bytes()
