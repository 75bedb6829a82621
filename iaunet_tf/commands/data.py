"""`iaunet data images|tracklets|world|masks|pack`: draws the synthetic data sets and videos, makes part masks from
label maps, and packs data sets into shards."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from iaunet_tf.commands.arguments import Parser, choose, output
from iaunet_tf.data.part_masks import convert
from iaunet_tf.data.readers.table import READERS, read_dataset
from iaunet_tf.data.synthetic import images, tracklets, world
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.terminal import quietly

# Range and meaning of the options: what does not fit into the names of files, or has nothing to find, is refused.
OPTIONS = {
    "seed": (0, 2**32 - 1, "what is drawn follows from it"),
    "train_people": (1, 4999, "people to train on"),
    "test_people": (1, 4999, "other people, to search for"),
    "cameras_per_person": (2, 6, "how many of the six cameras see a person"),
    "shots": (2, 99, "images of a person in each camera"),
    "frames": (1, 999, "length of the longest tracklets; the shortest have two thirds"),
    "distractors": (0, 9999, "strangers in the gallery, an image or tracklet each"),
    "alike": (1, 6, "of every six people, how many wear the same clothes"),
}
OF_WORLD = {
    "seed": "what is drawn follows from it",
    "cameras": "a video each; the first two cameras watch the same place",
    "people": "people who walk through the views, others than those of images and tracklets",
    "seconds": "length of the videos; from 30 on, everybody leaves and comes back",
    "alike": "of every six people, how many wear the same clothes",
}
SWITCHES = {
    "masks": "draw part masks of the training frames",
    "dusk": "draw it in bad light: dark, bluish, noisy",
}

# For each kind that is drawn: its options, what draws it, and what draws a sheet of samples.
DRAWN: dict[str, tuple[type, Callable, Callable]] = {
    "images": (images.ImageOptions, images.ensure_images, images.sample_sheet),
    "tracklets": (tracklets.TrackletOptions, tracklets.ensure_tracklets, tracklets.sample_sheet),
}


def main(arguments: Sequence[str]) -> None:
    """Draws images, tracklets or videos into a folder, makes masks, or packs."""
    others = {"world": _world, "masks": _masks, "pack": _pack}
    kind = choose("data", "kind", (*DRAWN, *others), arguments, "FOLDER ...")
    if kind in others:
        others[kind](arguments[1:])
    elif kind:
        _draw(kind, arguments[1:])


def _draw(kind: str, arguments: Sequence[str]) -> None:
    options_class, ensure, sheet = DRAWN[kind]
    parser = Parser(f"data {kind}", f"Draws a data set of pedestrians: {kind}, with exact part masks.")
    parser.add_argument("folder", type=output, help="where to write the data set")
    parser.add_argument("--sheet", type=output, metavar="FILE", help="write a sheet of samples as well, .png or .jpg")
    for key, default in asdict(options_class()).items():
        if isinstance(default, bool):
            parser.switch(f"--{key}", default, f"{SWITCHES[key]} (default: false)")
        else:
            low, high, help = OPTIONS[key]
            parser.count(f"--{key}", low, high, default, help)
    given = vars(parser.parse(arguments))
    folder, sheet_file = given.pop("folder"), given.pop("sheet")
    if sheet_file and sheet_file.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise InputError(f"--sheet {sheet_file}: must end in .png or .jpg")
    options = options_class(**given)
    try:
        ensure(folder, options)
    except InputError as error:
        text, of_training, _ = str(error).partition("set another --data.root")
        raise InputError(f"{text}name another folder" if of_training else text) from None
    if sheet_file:
        with replacing(sheet_file) as temporary:
            sheet(options).save(temporary)


def _world(arguments):
    parser = Parser(
        "data world", "Draws people who walk through the views of several cameras, as videos with their truth."
    )
    parser.add_argument("folder", type=output, help="where to write the videos and their truth, in the format of MOT16")
    for key, default in asdict(world.WorldOptions()).items():
        parser.count(f"--{key}", *world.LIMITS[key], default, OF_WORLD[key])
    given = vars(parser.parse(arguments))
    folder, options = given.pop("folder"), world.WorldOptions(**given)
    world.draw_world(folder, options, progress=True)
    print(f"{options.cameras} videos of {options.seconds} s, {options.people} people: {folder}")


def _masks(arguments):
    parser = Parser("data masks", "Makes part masks from the label maps of a human parser that was trained on LIP.")
    parser.add_argument("labels", help="folder of label maps, .png with LIP's classes 0..19")
    parser.add_argument(
        "out", type=output, help="where to put the masks: ROOT/seg_part4/Market1501_train_seg_part4, ROOT/seg_part4"
    )
    options = parser.parse(arguments)
    print(f"{convert(options.labels, options.out)} images: {options.out}")


def _pack(arguments):
    parser = Parser("data pack", "Packs a data set of images into few large shards, for --data.name packed.")
    parser.add_argument("source", metavar="NAME=ROOT", help="the data set, such as market1501=datasets/Market-1501")
    parser.add_argument("target", help="folder, or an address such as gs://BUCKET/FOLDER, for the shards")
    parser.count("--fold", 0, 99, 0, "which fold of a data set that has several")
    parser.count("--images", 1, 10**7, 10_000, "about how many images a shard holds")
    parser.choice("--on_corrupt", ("error", "skip"), "what to do about an unreadable image: stop, or leave it out")
    options = parser.parse(arguments)
    name, equals, root = options.source.partition("=")
    if not (equals and root) or name not in READERS:
        names = ", ".join(each for each, reader in READERS.items() if not reader.video)
        raise InputError(f"{options.source}: must be NAME=ROOT, NAME one of {names}")
    if READERS[name].video:
        raise InputError(f"{options.source}: consists of tracklets; only images can be packed")
    target = options.target.rstrip("/") if "://" in options.target else str(output(options.target))
    try:
        dataset, warnings = read_dataset(name, root, options.fold)
    except InputError as error:
        raise InputError(str(error).replace("set --data.root", "name another root")) from None
    print("\n".join([f"{name} in {root}", dataset.summary(), *warnings]), flush=True)
    with quietly():  # TensorFlow
        from iaunet_tf.data.packing import pack
    subsets = pack(dataset, root, target, options.images, options.on_corrupt)["subsets"].values()
    shards = [shard for subset in subsets for shard in subset["shards"]]
    size = sum(shard["bytes"] for shard in shards) / 2**20
    print(f"{sum(subset['images'] for subset in subsets)} images in {len(shards)} shards, {size:.1f} MiB: {target}")
