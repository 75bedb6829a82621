"""Embeddings in the trackers of others, against networks that NumPy computes and those packages' own checks."""

import inspect
from pathlib import Path

import keras
import numpy as np
import pytest
from inference import others
from inference.others import NUMBERS, SIZE, write_onnx
from PIL import Image

from iaunet_tf import Embedder
from iaunet_tf.errors import InputError
from iaunet_tf.inference.encoders import AppearanceEncoder
from iaunet_tf.models.network import Network

OSNET = Path(__file__).parents[3] / "shared" / "networks" / "osnet_x0_25_msmt17.onnx"
HEIGHT, WIDTH = SIZE
FRAME = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype("uint8")
# Where the network's own size is cut out, so that nothing is resized.
PLACES = [(0, 0), (10, 20), (104, 58), (37, 5)]
BOXES = np.array([(left, top, left + WIDTH, top + HEIGHT) for left, top in PLACES], "float32")
CROPS = np.stack([FRAME[top : top + HEIGHT, left : left + WIDTH] for left, top in PLACES])


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    file = write_onnx(tmp_path_factory.mktemp("network") / "a.onnx")
    return AppearanceEncoder(Embedder(file, batch_size=3, input={"colour": "rgb", "scale": "imagenet"}))


def expected(crops):
    return others.expected(crops, scale="imagenet")


def close(got, wanted, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(got), wanted, atol=tolerance)


def test_boxes_are_rounded_and_colours_are_those_of_the_frame(encoder):
    close(encoder(FRAME, BOXES), expected(CROPS))
    assert encoder.embedding_dim == NUMBERS and encoder(FRAME, BOXES).dtype == np.float32
    close(encoder(FRAME, (BOXES + 0.4).tolist()), expected(CROPS))
    close(encoder(FRAME, BOXES - 0.4), expected(CROPS))
    mirrored = np.ascontiguousarray(FRAME[..., ::-1])
    close(encoder.get_features(BOXES, mirrored), expected(CROPS))
    assert np.abs(encoder(mirrored, BOXES) - expected(CROPS)).max() > 0.1
    close(encoder(FRAME.transpose(1, 0, 2).transpose(1, 0, 2), BOXES), expected(CROPS))  # a view


@pytest.mark.parametrize(
    "box",
    [(-7, -3, 40, 30), (100, 50, 500, 1e6), (-1e9, -1e9, 1e9, 1e9), (-0.6, 0, 12, 90.4), (118, 0, 120, 90)],
)
def test_boxes_are_cut_off_at_the_edges(encoder, box):
    left, top, right, bottom = np.clip(np.round(box), 0, (120, 90, 120, 90)).astype(int)
    close(encoder(FRAME, [box]), encoder.embedder([FRAME[top:bottom, left:right]]))


@pytest.mark.parametrize(
    "box",
    [(130, 10, 160, 40), (-50, 10, -1, 40), (10, -20, 40, 0.4), (20, 20, 20, 60), (40, 60, 20, 20), (20, 20, 21, 60)],
)
def test_boxes_without_pixels_get_a_black_picture(encoder, box):
    got = encoder(FRAME, [BOXES[1], box, BOXES[2]])
    black = encoder.embedder([np.zeros((*SIZE, 3), "uint8")])
    close(got[[0, 2]], expected(CROPS[1:3]))
    close(got[1], black[0])
    close(np.linalg.norm(got, axis=1), np.ones(3))


def test_no_boxes_are_no_rows(encoder):
    for boxes in ([], np.empty((0, 4)), np.empty((0, 5), "float32"), ()):
        assert encoder(FRAME, boxes).shape == (0, NUMBERS)
        assert encoder.get_features(boxes, FRAME).shape == (0, NUMBERS)
    assert encoder.extract_embeddings_from_paths([]).shape == (0, NUMBERS)


@pytest.mark.parametrize(
    ("frame", "boxes", "words"),
    [
        (FRAME.astype("float32"), BOXES, "a frame must be uint8 (height, width, 3); received float32"),
        (FRAME[..., 0], BOXES, "received uint8 (90, 120)"),
        (FRAME.transpose(2, 0, 1), BOXES, "received uint8 (3, 90, 120)"),
        (FRAME, BOXES[0], "boxes must be (N, 4)"),
        (FRAME, np.ones((2, 5)), "boxes must be (N, 4): left, top, right, bottom; received (2, 5)"),
        (FRAME, [BOXES[0], (0, 0, np.nan, 1)], "that of number 2 is not"),
        (FRAME, [(np.inf, 0, 3, 1)], "that of number 1 is not"),
    ],
)
def test_what_is_no_frame_or_no_box_is_one_line(encoder, frame, boxes, words):
    for call in (lambda: encoder(frame, boxes), lambda: encoder.get_features(boxes, frame)):
        with pytest.raises(InputError) as caught:
            call()
        assert words in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(InputError, match="takes an Embedder"):
        AppearanceEncoder("people.onnx")


def test_a_network_for_clips_takes_each_crop_as_a_clip():
    clips = keras.Input((None, *SIZE, 3), name="clips")
    mean = keras.ops.mean(keras.layers.Rescaling(1 / 255)(clips), axis=(1, 2))
    embedder = Embedder(Network(clips, {"embedding": keras.ops.mean(mean, axis=1)}))
    assert embedder.metadata.video
    wanted = CROPS.astype("float64").mean(axis=(1, 2))
    close(AppearanceEncoder(embedder)(FRAME, BOXES), wanted / np.linalg.norm(wanted, axis=1, keepdims=True))


# BoxMOT


def frames_of_boxmot(count):
    """BoxMOT's frames, `count` of them, and detections at `PLACES`: one fewer in each frame than in the one before."""
    torch = pytest.importorskip("torch")
    structures = pytest.importorskip("boxmot.structures")
    frames, detections = [], []
    for number in range(count):
        image = torch.from_numpy(np.ascontiguousarray(np.roll(FRAME, number, axis=1).transpose(2, 0, 1)))
        frames.append(structures.Frame(image=image, sample_id=f"frame {number}"))
        boxes = torch.from_numpy(BOXES[: len(BOXES) - number])
        scores, classes = torch.ones(len(boxes)), torch.zeros(len(boxes), dtype=torch.int64)
        detections.append(structures.Detections(structures.Boxes(boxes), scores, classes, frames[-1].sample_id))
    return frames, detections


def test_boxmot_takes_it_for_one_of_its_encoders(encoder):
    protocols = pytest.importorskip("boxmot.reid.protocols")
    perception = pytest.importorskip("boxmot.pipelines.perception")
    assert isinstance(encoder, protocols.AppearanceEncoder)
    assert encoder.requirements == protocols.EncoderRequirements()
    frames, detections = frames_of_boxmot(5)  # the last has no boxes
    outputs = perception.PipelineOutputs(embeddings=True)
    found = perception.PerceptionPipeline(reid=encoder, outputs=outputs).enrich(frames, detections)
    for number, each in enumerate(found):
        left = len(BOXES) - number
        frame = np.roll(FRAME, number, axis=1)
        crops = [frame[top : top + HEIGHT, left : left + WIDTH] for left, top in PLACES[:left]]
        assert each.embeddings.shape == (left, NUMBERS)
        if crops:
            close(each.embeddings, expected(crops))
    assert encoder.encode([], []) == []
    with pytest.raises(InputError, match="not those of the frames"):
        encoder.encode(frames, detections[::-1])
    with pytest.raises(InputError, match="not those of the frames"):
        encoder.encode(frames, detections[:-1])


def walk(number):
    """A frame of two people who walk through each other, one in light and one in dark clothes, and their boxes."""
    frame = np.random.default_rng(number).integers(100, 140, (120, 300, 3)).astype("uint8")
    boxes = np.array([(20 + 10 * number, 40, 52 + 10 * number, 104), (240 - 10 * number, 44, 272 - 10 * number, 108)])
    for (left, top, right, bottom), colour in zip(boxes, ((250, 240, 40), (20, 30, 160)), strict=True):
        frame[top:bottom, left:right] = colour
    return frame, boxes


def test_boxmots_trackers_take_its_features(encoder):
    botsort = pytest.importorskip("boxmot.trackers.box.botsort.tracker").BotSort
    tracker = botsort(reid_model=encoder, use_cmc=False)
    identities = []
    for number in range(25):
        frame, boxes = walk(number)
        rows = np.column_stack([boxes, [0.9, 0.9], [0, 0]]).astype("float32")
        tracks = tracker.update(rows, np.ascontiguousarray(frame[..., ::-1]))
        assert len(tracks) == 2
        identities.append([int(row[4]) for row in sorted(tracks, key=lambda row: row[7])])
    assert tracker.last_emb_size == NUMBERS and len(set(map(tuple, identities))) == 1, identities


def test_boxmots_pipelines_take_it(encoder):
    torch = pytest.importorskip("torch")
    structures, trackers = pytest.importorskip("boxmot.structures"), pytest.importorskip("boxmot.trackers")
    pipelines = pytest.importorskip("boxmot.pipelines.tracking")
    tracker = trackers.create_tracker(trackers.TrackerSpec("botsort", options=(("use_cmc", False),)))
    pipeline = pipelines.TrackingPipeline(None, tracker, reid=encoder)
    for number in range(3):
        picture, boxes = walk(number)
        image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
        frame = structures.Frame(image=image, sample_id=str(number), frame_index=number)
        found = structures.Boxes(torch.from_numpy(boxes.astype("float32")))
        scores, classes = torch.full((2,), 0.9), torch.zeros(2, dtype=torch.int64)
        result = pipeline.step_detections(frame, structures.Detections(found, scores, classes, str(number)))
        close(result.detections.embeddings, encoder(picture, boxes))
        assert len(result.tracks) == 2


# Roboflow


def test_roboflows_reid_takes_it_for_one_of_its_models(encoder, tmp_path):
    model = pytest.importorskip("reid").ReIDModel
    supervision = pytest.importorskip("supervision")
    for name in ("extract_embeddings", "extract_embeddings_from_paths"):
        theirs, ours = (inspect.signature(getattr(each, name)).parameters for each in (model, AppearanceEncoder))
        assert [(key, value.kind) for key, value in theirs.items()] == [(key, each.kind) for key, each in ours.items()]
    detections = supervision.Detections(xyxy=BOXES)
    got = encoder.extract_embeddings(detections, np.ascontiguousarray(FRAME[..., ::-1]), batch_size=2)
    close(got, expected(CROPS))
    assert len(encoder.extract_embeddings(supervision.Detections.empty(), FRAME)) == 0
    files = [str(tmp_path / f"{number}.png") for number in range(len(CROPS))]
    for file, crop in zip(files, CROPS, strict=True):
        Image.fromarray(crop).save(file)
    close(encoder.extract_embeddings_from_paths(files, num_workers=2), expected(CROPS))


def test_roboflows_reid_measures_the_real_network(street):
    if not OSNET.is_file():
        pytest.skip("the trained network is not here")
    reid = pytest.importorskip("reid")
    encoder = AppearanceEncoder(Embedder(OSNET, input={"scale": "imagenet"}))
    result = reid.ReIDModel.evaluate(encoder, *reid.load_market1501(street / "market"), verbose=False)
    assert result.metrics["map"] == pytest.approx(95.30, abs=0.01)
    assert result.metrics["rank1"] == pytest.approx(93.33, abs=0.01)


def test_embeddings_go_through_roboflows_trackers(encoder):
    trackers = pytest.importorskip("trackers")
    supervision = pytest.importorskip("supervision")
    tracker = trackers.ByteTrackTracker()
    for number in range(6):
        frame, boxes = walk(number)
        detections = supervision.Detections(
            xyxy=boxes.astype("float32"), confidence=np.array([0.9, 0.9]), class_id=np.zeros(2, int)
        )
        bgr = np.ascontiguousarray(frame[..., ::-1])
        detections.data["embedding"] = encoder.extract_embeddings(detections, bgr)
        found = tracker.update(detections[::-1] if number % 2 else detections)
        for box, embedding in zip(found.xyxy, found.data["embedding"], strict=True):
            close(embedding, encoder(frame, [box])[0])
        assert len(found) == 2 and (number < 3 or sorted(found.tracker_id) == [0, 1] or -1 not in found.tracker_id)
