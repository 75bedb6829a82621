"""A run for each of a data set's splits, and their mean."""

import json
from dataclasses import replace

import numpy as np

from iaunet_tf.data.readers import WITH_SPLITS
from iaunet_tf.files import write_json
from iaunet_tf.training import modes
from iaunet_tf.training.config import Config
from iaunet_tf.training.run import Run


def cross_validate(config: Config, run: Run, mode: str) -> None:
    """Works on `run/split-0`, `run/split-1` and so on, and writes and prints the mean and the standard deviation.

    Args:
        config: with `data.split` all.
        run: the folder that holds those of the splits.
        mode: which function of `modes` to work with. A resumed run goes on with the split that it stopped in; splits
            that are finished are not repeated.
    """
    metrics, splits = [], WITH_SPLITS[config.data.name]
    for split in range(splits):
        own = Run(run.path / f"split-{split}")
        print(f"\n--- split {split} of {splits}: {own.path}")
        own_config = replace(config, data=replace(config.data, split=split), run_dir=str(own.path))
        if mode != "evaluate_again" and own.metrics.is_file():
            metrics.append(_stored(own, config.name))
            continue
        begun = mode != "resume" or own.last.is_file()
        metrics.append(getattr(modes, mode if begun else "train_anew")(own_config, own))
        # After the first split, so that what cannot start leaves no folder.
        run.begin(config)
    summary = {
        name: {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)), "splits": values}
        for name in metrics[0]
        for values in [[each[name] for each in metrics]]
    }
    write_json(run.metrics, {config.name: summary})
    print(f"\nmean and standard deviation of {splits} splits")
    for name, values in summary.items():
        print(f"{name:>14} {100 * values['mean']:6.2f} ± {100 * values['std']:.2f}")
    print(run.metrics)


def _stored(run, name):
    values = json.loads(run.metrics.read_text())[name]
    return {key: value for key, value in values.items() if isinstance(value, float)}
