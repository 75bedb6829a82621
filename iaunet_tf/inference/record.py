"""Which network in a file an evaluation is of, for whoever looks at it later: `network.yaml` in its folder."""

import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from iaunet_tf.config.yaml_files import read_yaml
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.inference.embedder import Embedder
from iaunet_tf.inference.stated import Input
from iaunet_tf.weights.pretrained import is_published


@dataclass(frozen=True)
class Record:
    """A network, where it was, and what was said of it.

    Attributes:
        network: absolute path of its file or folder, or the name of a published network.
        sha256: digests of all its files by their names from there.
        input: what is stated of the input of a network of others, by the keys of `Input`.
        runtime: the runtime that was asked for, see `Embedder`.
        warnings: what was doubtful in the evaluation.
    """

    network: str
    sha256: dict[str, str]
    input: dict[str, Any] = field(default_factory=dict)
    runtime: str = "onnxruntime"  # before there was a choice
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, embedder: Embedder, source: str | Path, runtime: str, warnings: list[str]) -> "Record":
        """The record of a network that was opened from `source`."""
        stated = {}
        if embedder.stated and embedder.stated.size:
            height, width = embedder.stated.size
            stated = asdict(replace(embedder.stated, size=None)) | {"size": f"{height}x{width}"}
        network = str(source) if is_published(source) else os.path.abspath(embedder.path or source)
        return cls(network, embedder.digests, stated, runtime, warnings)

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Reads what `write` has written."""
        content: Any = read_yaml(path)
        try:
            record = cls(**content)
        except TypeError:
            record = None
        if not record or not _plain(record):
            raise InputError(f"{path}: damaged; evaluate the network again, in another --run_dir")
        return record

    def write(self, path: Path) -> None:
        """Writes the record as YAML."""
        with replacing(path) as temporary:
            temporary.write_text(yaml.safe_dump(asdict(self), sort_keys=False))

    def open(self, batch_size: int) -> Embedder:
        """Opens the network again.

        Raises:
            InputError: it is gone, or not the same.
        """
        if not is_published(self.network) and not os.path.exists(self.network):
            raise InputError(f"{self.network}: no such file; this network was evaluated: put it back")
        stated = Input(**self.input) if self.input else None
        embedder = Embedder(self.network, batch_size, input=stated, runtime=self.runtime)
        now = embedder.digests
        other = sorted(name for name in {*now, *self.sha256} if now.get(name) != self.sha256.get(name))
        if other:
            names = f" ({', '.join(other):.80})" if len(now) > 1 else ""
            raise InputError(
                f"{self.network}{names}: has changed since it was evaluated; evaluate it again, in another --run_dir"
            )
        return embedder


def _plain(record):
    texts = [record.network, record.runtime, *record.sha256, *record.sha256.values(), *record.input, *record.warnings]
    return all(isinstance(text, str) for text in texts) and not {*record.input} - {*Input.__dataclass_fields__}
