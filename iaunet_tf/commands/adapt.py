"""`iaunet adapt RUN FOLDER`: a network for new cameras, from images of people whom nobody has named."""

from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.adaptation.clusters import METHODS, Clustering
from iaunet_tf.commands.arguments import Parser, with_underscores
from iaunet_tf.commands.session import work_on
from iaunet_tf.config.stored import read_run
from iaunet_tf.errors import InputError
from iaunet_tf.extras import needed
from iaunet_tf.run import Run

# What training is in a round, unless keys on the command line say otherwise.
ROUND = (
    *("--train.epochs=2", "--train.schedule=step", "--train.milestones=[]", "--train.warmup_epochs=0"),
    *("--train.ema=0", "--train.freeze_epochs=0", "--eval.every=0", "--data.masks=none", "--data.more=[]"),
)
RATE = 0.1  # of the run's learning rate


def main(arguments: Sequence[str]) -> None:
    """Adapts a run's network to the images in a folder, whose names or folders tell cameras, in rounds: embeddings are
    clustered by their re-ranked distances, and the network is trained on the clusters as identities. Further options
    are keys of iaunet train for the rounds, such as --train.epochs 2 --train.learning_rate 3.5e-5."""
    parser = Parser("adapt", main.__doc__)
    parser.add_argument("run", help="folder of a run")
    parser.add_argument("folder", help="folder of images")
    parser.add_argument("--run_dir", metavar="RUN", help="folder to write, or to go on in (default: RUN/adapted)")
    parser.count("--rounds", 1, 1000, 5, "how often to cluster, and to train on the clusters")
    parser.choice("--clusters", METHODS, "how to cluster: dbscan (default), or hdbscan, which needs no --distance")
    distance_help = "dbscan: up to which Jaccard distance, 0 to 1, images are neighbours (default: 0.5)"
    parser.add_argument("--distance", type=float, default=Clustering.distance, help=distance_help)
    parser.count("--least", 2, 1000, Clustering.least, "images that make a person")
    parser.count("--neighbours", 2, 1000, Clustering.neighbours, "size of neighbourhoods in re-ranking")
    parser.switch("--per_camera", True, "cluster embeddings that are standardised within each camera (default: true)")
    options, keys = parser.parse_known_args([with_underscores(word) for word in arguments])
    if not 0 < options.distance <= 1:
        raise InputError(f"--distance must be above 0, up to 1; received {options.distance}")
    source = Run(Path(options.run)).require()
    if not source.model.is_file():
        raise InputError(f"{source.path}: holds no {source.model.name}; train to the end first")
    config, stored = read_run(source.path, [*ROUND, *keys], needs_data=False)
    if config.task != "reid" or config.data.video:
        raise InputError(f"{source.path}: adaptation is for networks that embed images of people")
    if config.train.strategy == "multi_worker":
        raise InputError("adaptation runs on one host; leave train.strategy out")
    if not any(word.startswith("--train.learning_rate") for word in keys):
        config.train.learning_rate = RATE * stored.train.learning_rate
    run = Run(Path(options.run_dir or source.path / "adapted"))
    config.run_dir, config.model.weights = str(run.path), None
    if run.contents() and not (run.path / "round-1").is_dir():
        raise InputError(f"{run.path}: exists and holds no rounds; choose another --run_dir")
    with needed("clustering"):
        import sklearn.cluster  # noqa: F401  # before the first round's embeddings
    clustering = Clustering(options.clusters, options.distance, options.least, options.neighbours)

    def work(config, run, _):
        from iaunet_tf.adaptation.rounds import adapt

        return adapt(config, run, source, options.folder, options.rounds, clustering, options.per_camera)

    work_on(config, run, work)
