"""`iaunet data images|tracklets|masks`: draws the synthetic data sets, and makes part masks from label maps."""

from collections.abc import Sequence
from dataclasses import asdict

from iaunet_tf.commands.arguments import Parser, choose
from iaunet_tf.data.part_masks import convert
from iaunet_tf.data.synthetic import images, tracklets
from iaunet_tf.files import replacing

# For each kind that is drawn: its options, what draws it, and what draws a sheet of samples.
DRAWN = {
    "images": (images.ImageOptions, images.ensure_images, images.sample_sheet),
    "tracklets": (tracklets.TrackletOptions, tracklets.ensure_tracklets, tracklets.sample_sheet),
}


def main(arguments: Sequence[str]) -> None:
    """Draws images or tracklets into a folder, or makes masks."""
    kind = choose("data", "kind", (*DRAWN, "masks"), arguments, "FOLDER ...")
    if kind == "masks":
        _masks(arguments[1:])
    elif kind:
        _draw(kind, arguments[1:])


def _draw(kind: str, arguments: Sequence[str]) -> None:
    options_class, ensure, sheet = DRAWN[kind]
    parser = Parser(f"data {kind}", f"Draws pedestrians: a data set of {kind}, with exact part masks.")
    parser.add_argument("folder", help="where to write the data set")
    parser.add_argument("--sheet", metavar="PNG", help="write a sheet of samples as well")
    for key, default in asdict(options_class()).items():
        if isinstance(default, bool):
            parser.switch(f"--{key}", default, f"default: {str(default).lower()}")
        else:
            parser.add_argument(f"--{key}", type=int, default=default, help=f"default: {default}")
    given = vars(parser.parse(arguments))
    folder, sheet_file = given.pop("folder"), given.pop("sheet")
    options = options_class(**given)
    ensure(folder, options)
    if sheet_file:
        with replacing(sheet_file) as temporary:
            sheet(options).save(temporary)


def _masks(arguments):
    parser = Parser("data masks", "Makes part masks from the label maps of a human parser that was trained on LIP.")
    parser.add_argument("labels", help="folder of label maps, .png with LIP's classes 0..19")
    parser.add_argument("out", help="where to put the masks: ROOT/seg_part4/Market1501_train_seg_part4, ROOT/seg_part4")
    options = parser.parse(arguments)
    print(f"{convert(options.labels, options.out)} images: {options.out}")
