"""`iaunet identify VIDEO... --model MODEL --out FOLDER`: who was where, and when."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from iaunet_tf.arguments import check_number
from iaunet_tf.commands.arguments import Parser, output
from iaunet_tf.commands.gallery_options import time
from iaunet_tf.commands.stated import add_input_options, stated_input
from iaunet_tf.errors import InputError
from iaunet_tf.inference import Embedder

BESIDE = (".txt", ".csv")  # of files of detections beside a video


def main(arguments: Sequence[str]) -> None:
    """Follows people in videos, and says who they are: people whom a gallery knows, or new ones, the same in all
    cameras. A run that was interrupted goes on when the command is repeated."""
    parser = Parser("identify", main.__doc__)
    video_help = "video files, folders of images, and addresses (rtsp://, http://), each of one camera"
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help=video_help)
    parser.add_argument("--model", required=True, help="the network that embeds people, as iaunet embed takes it")
    parser.add_argument("--out", required=True, type=output, metavar="FOLDER", help="where results are written")
    parser.add_argument(
        "--gallery", help="people who are known, and to whom new ones are added: people.db, or a server"
    )
    parser.add_argument("--collection", default="people", metavar="NAME", help="the gallery on a server (people)")
    detector_help = "the network that finds people, .xml of OpenVINO or .onnx, with one output (1, 1, N, 7)"
    parser.add_argument("--detector", metavar="FILE", help=detector_help)
    detections_help = "files of detections, in MOT format or CSV, one for each video (default: .txt or .csv beside it)"
    parser.add_argument("--detections", nargs="+", metavar="FILE", help=detections_help)
    parser.add_argument("--cameras", nargs="+", metavar="NAME", help="names of the cameras (default: of the videos)")
    parser.add_argument("--begin", nargs="+", type=time, metavar="TIME", help="when the videos begin (ISO 8601)")
    parser.add_argument("--rate", type=float, metavar="FPS", help="frames per second, if the videos state it wrongly")
    seconds_help = "how long cameras (rtsp://) are watched (default: until Ctrl-C, or until they stop)"
    parser.add_argument("--seconds", type=float, metavar="SECONDS", help=seconds_help)
    threshold_help = "the distance below which it is the same person, 0 to 2 (default: as measured for the network)"
    parser.add_argument("--threshold", type=float, metavar="DISTANCE", help=threshold_help)
    parser.add_argument("--score", type=float, default=0.5, help="from which on --detector counts, 0 to 1 (0.5)")
    parser.choice("--tracker", ("bytetrack", "sort"), "follows people within a camera (default: bytetrack)")
    iou_help = "overlap of boxes from which on it is one track, 0 to 1 (0.5); less at few frames per second"
    parser.add_argument("--minimum_iou", type=float, default=0.5, metavar="IOU", help=iou_help)
    parser.count("--crops", 1, 1000, 8, "pictures of a tracklet that are embedded")
    parser.count("--shortest", 1, 10_000, 5, "tracks of fewer boxes are not identified")
    apart_help = "no two cameras see the same place, so that nobody is in two at once (default: false)"
    parser.switch("--apart", False, apart_help)
    parser.add_argument("--overlapping", nargs="+", metavar="A+B", help="with --apart, pairs of cameras that do")
    parser.switch("--films", True, "write the videos with boxes and names (default: true)")
    parser.count("--batch_size", 1, 10_000, 32, "images at a time")
    parser.choice("--device", ("auto", "cpu", "cuda"), "what to compute on; auto takes CUDA if it is there (default)")
    add_input_options(parser)
    options = parser.parse(arguments)

    from iaunet_tf.gallery import Gallery
    from iaunet_tf.video.runs import run
    from iaunet_tf.video.watching import Settings

    videos = _videos(options)
    if options.seconds is not None:
        check_number("--seconds", options.seconds, 0)
        if not any(video.live for video in videos):
            raise InputError("--seconds: is for cameras (rtsp://); files are read to their end")
    apart = _apart(options, [video.camera for video in videos])
    embed = Embedder(options.model, options.batch_size, options.device, stated_input(options), options.runtime)
    threshold = embed.threshold() if options.threshold is None else options.threshold
    print(embed.fed)
    gallery = Gallery(options.gallery, embed, options.collection) if options.gallery else None
    try:
        settings = Settings(options.score, options.tracker, options.minimum_iou, options.crops, options.shortest)
        done = run(videos, embed, options.out, threshold, gallery, settings, apart, options.films)
    finally:
        if gallery is not None:
            gallery.close()
    _say(done, options.out)


def _videos(options):
    from iaunet_tf.video.watching import Video

    count = len(options.videos)
    for name in ("detections", "cameras", "begin"):
        given = getattr(options, name)
        if given is not None and len(given) != count:
            raise InputError(f"--{name}: give one for each of {count} videos; there are {len(given)}")
    if options.detector and options.detections:
        raise InputError("--detector and --detections: give one of them")
    cameras = options.cameras or [Path(name.rstrip("/")).stem for name in options.videos]
    found = []
    for place, source in enumerate(options.videos):
        detections = options.detector or (options.detections[place] if options.detections else _beside(source))
        begin = options.begin[place] if options.begin else None
        found.append(Video(source, cameras[place], detections, begin, options.rate, options.seconds))
    return found


def _beside(source):
    """The file of detections beside a video."""
    files = [Path(source).with_suffix(suffix) for suffix in BESIDE]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise InputError(f"{source}: who finds people in it? give --detector, or --detections; there is no {files[0]}")
    return found


def _apart(options, cameras):
    """Pairs of cameras that see no place in common."""
    pairs = {frozenset(pair) for pair in combinations(cameras, 2)}
    shared = {frozenset(text.split("+")) for text in options.overlapping or ()}
    for pair in shared - pairs:
        raise InputError(f"--overlapping {'+'.join(sorted(pair))}: must be two of {', '.join(cameras)}")
    return pairs - shared if options.apart or shared else ()


def _say(done, out):
    """Prints what was found, and how long it took."""
    people = {each.identity for each in done.tracklets if each.identity}
    known = {each.identity for each in done.tracklets if each.known}
    print(f"{len(done.tracklets)} tracklets of {len(people)} people, {len(known)} of them known: {out / 'index.html'}")
    total = sum(done.seconds.values())
    if done.frames and total:
        parts = ", ".join(f"{step} {seconds / total:.0%}" for step, seconds in done.seconds.items())
        print(f"{done.frames} frames, {done.frames / total:.1f} frames/s: {parts}")
