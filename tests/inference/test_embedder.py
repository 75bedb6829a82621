import io
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from exporting.networks import embeddings, network
from PIL import Image

from iaunet_tf import Embedder
from iaunet_tf.commands import main
from iaunet_tf.errors import InputError


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (64, 32, 3)).astype("uint8") for _ in range(3)]


@pytest.mark.parametrize(
    "name",
    [
        "images.keras",
        "image/image.onnx",
        "tracker/tracker.onnx",
        "bytes/bytes.onnx",
        "lite/lite.tflite",
        "served/iaunet",
        "served/iaunet/1",
    ],
)
def test_every_file_takes_every_kind_of_picture(exports, pictures, name, tmp_path):
    embed = Embedder(exports / name, batch_size=2, runtime="onnxruntime")
    expected = embeddings(network(), np.stack(pictures).astype("float32"))
    paths, contents = [], []
    for number, picture in enumerate(pictures):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(picture).save(paths[-1])
        contents.append(paths[-1].read_bytes())
    for given in (
        pictures,
        np.stack(pictures),
        [picture.astype("float32") for picture in pictures],
        paths,
        [str(path) for path in paths],
        contents,
        [Image.fromarray(picture) for picture in pictures],
        iter(pictures),
    ):
        got = embed(given)
        assert got.dtype == "float32"
        np.testing.assert_allclose(got, expected, atol=1e-4)
    for single in (paths[0], str(paths[0]), contents[0], Image.fromarray(pictures[0]), pictures[0]):
        np.testing.assert_allclose(embed(single), expected[:1], atol=1e-4)


def test_other_sizes_are_resized_as_in_evaluation(exports):
    from iaunet_tf.data.decoding import load_image

    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, shape).astype("uint8") for shape in ((128, 64, 3), (50, 70, 3))]
    embed = Embedder(exports / "image" / "image.onnx")
    resized = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        resized.append(load_image(file, (64, 32)))
    np.testing.assert_allclose(embed(pictures), embed(resized), atol=1e-6)
    smooth = np.linspace(0, 255, 128 * 64 * 3).reshape(128, 64, 3)
    np.testing.assert_allclose(embed([smooth]), embed([smooth.round().astype("uint8")]), atol=1e-2)


@pytest.mark.parametrize("name", ["clips.keras", "clips/clips.onnx", "liteclips/liteclips.tflite", "served/clips"])
def test_clips_of_any_length(exports, pictures, name):
    embed = Embedder(exports / name, batch_size=2, runtime="onnxruntime")
    model = network(video=True)
    clips = [pictures, pictures[:1], pictures[::-1], np.stack(pictures[:1]), pictures]
    expected = np.concatenate([embeddings(model, np.stack(clip)[None].astype("float32")) for clip in clips])
    np.testing.assert_allclose(embed(clips), expected, atol=1e-4)
    np.testing.assert_allclose(embed(pictures), expected[:1], atol=1e-4)  # frames alone are one clip


def test_onnx_needs_neither_tensorflow_nor_keras(exports, tmp_path):
    Image.new("RGB", (40, 90)).save(tmp_path / "a.jpg")
    script = f"""
import sys
for name in ("tensorflow", "keras", "jsonargparse", "yaml", "scipy", "matplotlib", "psutil"):
    sys.modules[name] = None  # importing them fails
from iaunet_tf import Embedder
from iaunet_tf.commands import embed
print(Embedder({str(exports / "image" / "image.onnx")!r})([{str(tmp_path / "a.jpg")!r}]).shape)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "(1, 512)", done.stderr


FRAME = np.full((64, 32, 3), 90, "uint8")
NOTHING = FRAME[10:60, 40:40]


class Unconvertible:
    def __array__(self, *arguments, **options):
        raise RuntimeError("on another device")


@pytest.mark.parametrize(
    ("clips", "given", "message"),
    [
        (False, [FRAME, [FRAME]], "^image 2 of 2: .*clips, which are lists of frames, need a video network"),
        (
            False,
            np.zeros((1, 2, 64, 32, 3), "uint8"),
            "^this is an image network; clips, which are lists of frames, need a video network",
        ),
        (
            False,
            [np.zeros((64, 32), "uint8")],
            r"^an image array must have shape \(height, width, 3\); received \(64, 32\)",
        ),
        (False, [FRAME] * 7 + [FRAME.transpose(2, 0, 1)], r"^image 8 of 8: .* received \(3, 64, 32\)"),
        *(
            (
                False,
                [FRAME, FRAME.astype(dtype)],
                f"^image 2 of 2: .*must be uint8 or floating point in 0..255; received {dtype}",
            )
            for dtype in ("int32", "int64", "uint16", "bool", "complex64", "object")
        ),
        (False, [FRAME] * 40 + [NOTHING], "^image 41 of 41: an image needs at least 2x2 pixels; this one has 50x0"),
        (False, [NOTHING.astype("float32"), FRAME], "^image 1 of 2: .* this one has 50x0"),
        *(
            (False, [FRAME, FRAME[:height, :width]], f"^image 2 of 2: .* this one has {height}x{width}")
            for height, width in ((0, 9), (0, 0), (1, 32), (64, 1))
        ),
        (False, [Image.new("RGB", (9, 1)), FRAME], "^image 1 of 2: .* this one has 1x9"),
        (
            False,
            [FRAME, Image.new("F", (9, 9))],
            r"^image 2 of 2: the range of pixels of 32 bits \(mode F\) is not known",
        ),
        (False, [FRAME, FRAME / 255], "^image 2 of 2: .* 0..255, not normalised; this one is from 0.3529 to 0.3529"),
        (False, [FRAME, FRAME / 128 - 1], "^image 2 of 2: .*not normalised"),
        (False, [np.random.default_rng(0).normal(size=(64, 32, 3))], "not normalised"),
        (False, [FRAME * 257.0], "not normalised; this one is from 2.313e"),
        (False, [FRAME, np.full((64, 32, 3), np.nan)], "^image 2 of 2: an image array must be finite"),
        (False, [FRAME, np.full((9, 9, 3), np.inf)], "^image 2 of 2: an image array must be finite"),
        (False, [FRAME, b"nothing"], "^image 2 of 2: not a readable image"),
        (False, [FRAME, "gone.jpg"], "^image 2 of 2: gone.jpg: no such file"),
        (False, [FRAME, ""], "^image 2 of 2: : no such file"),
        (False, [3.5], "^an image must be a file, bytes, a PIL image or an RGB array; received float"),
        *(
            (
                False,
                [FRAME, thing, FRAME],
                f"^image 2 of 3: an image must be a file, .*; received {type(thing).__name__}",
            )
            for thing in (None, 3, {}, io.BytesIO(), object())
        ),
        (False, [FRAME, Unconvertible()], "^image 2 of 2: Unconvertible cannot become an array: on another device"),
        (False, 7, "^an image must be a file, .*, or a list of them; received int"),
        (False, None, "or a list of them; received NoneType"),
        (True, [[]], "^a clip has no frames"),
        (True, [[FRAME], []], "^clip 2 of 2: a clip has no frames"),
        (True, [[FRAME], FRAME], "^clip 2 of 2: a clip is a list of frames; received ndarray"),
        (True, [[FRAME], "a.jpg"], "^clip 2 of 2: a clip is a list of frames; received str"),
        (True, [[FRAME], None], "^clip 2 of 2: a clip is a list of frames; received NoneType"),
        (True, [[FRAME], [FRAME, NOTHING]], "^clip 2 of 2: frame 2 of 2: an image needs at least 2x2 pixels"),
        (True, [[FRAME], [FRAME, b"", FRAME]], "^clip 2 of 2: frame 2 of 3: not a readable image"),
        (True, [[FRAME, None]], "^frame 2 of 2: an image must be a file"),
    ],
)
def test_what_cannot_be_embedded_is_named_by_its_place(exports, clips, given, message):
    embed = Embedder(exports / "clips" / "clips.onnx" if clips else exports / "image" / "image.onnx", batch_size=2)
    with pytest.raises(InputError, match=message) as caught:
        embed(given)
    assert "\n" not in str(caught.value)


def test_nothing_and_black(exports):
    for name in ("image/image.onnx", "clips/clips.onnx"):
        embed = Embedder(exports / name)
        for nothing in ([], (), iter([]), np.zeros((0, 64, 32, 3), "uint8")):
            got = embed(nothing)
            assert got.shape == (0, 512) and got.dtype == "float32"
    black = np.zeros((2, 64, 32, 3))
    embed = Embedder(exports / "image" / "image.onnx")
    np.testing.assert_array_equal(embed(black), embed(black.astype("uint8")))  # without a warning that it is normalised


def test_wrong_arguments(exports, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    for name in ("a.jpg", "a.pth", "a.safetensors", "a.h5", "saved_model.pb"):
        (tmp_path / name).write_bytes(b"nothing")
    for path, message in (
        ("gone.onnx", "no such file"),
        ("a.onnx", "not a readable ONNX file"),
        ("a.jpg", "nor .keras, nor the folder of a SavedModel or of a run$"),
        ("a.pth", "iaunet weights FILE NETWORK.keras"),
        ("a.safetensors", "iaunet weights FILE NETWORK.keras"),
        ("a.h5", "load it in Keras and save the network as .keras"),
        ("saved_model.pb", "give the folder that holds saved_model.pb"),
    ):
        with pytest.raises(InputError, match=message):
            Embedder(tmp_path / path)
    for options in ({"batch_size": 0}, {"batch_size": 2.5}, {"batch_size": None}, {"device": "gpu"}):
        with pytest.raises(InputError, match=f"{next(iter(options))} must be .*; received"):
            Embedder(exports / "image" / "image.onnx", **options)


def foreign_networks():
    inputs = keras.Input((64, 32, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    yield keras.Model(inputs, pooled)
    yield keras.Model(inputs, {"features": pooled})
    yield keras.Model(inputs, {"embedding": inputs})
    any_size = keras.Input((None, None, 3))
    yield keras.Model(any_size, {"embedding": keras.layers.GlobalAveragePooling2D()(any_size)})
    first = keras.Input((3, 64, 32))
    yield keras.Model(first, {"embedding": keras.layers.GlobalAveragePooling2D()(first)})
    yield keras.Model([inputs, first], {"embedding": pooled})
    vector = keras.Input((3,))
    yield keras.Model(vector, {"embedding": keras.layers.Dense(2)(vector)})
    yield keras.Sequential([keras.layers.Dense(2)])


def test_networks_of_others_are_told_what_is_expected(tmp_path):
    message = (
        r'is not an iaunet-tf network, a Keras model with one input, images .* outputs with "embedding" \(batch, D\)$'
    )
    for model in foreign_networks():
        with pytest.raises(InputError, match=message):
            Embedder(model)
    next(foreign_networks()).save(tmp_path / "a.keras")
    for source in (tmp_path / "a.keras", 3, None, len):
        with pytest.raises(InputError, match=message):
            Embedder(source)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x: x * np.nan,
            r"the network's output from number 1 on: 2 of 2 embeddings are not finite in float32, the first in row 0",
        ),
        (lambda x: x * 0, "the network's output from number 1 on: vectors of length 0 to 0 cannot be compared"),
        (lambda x: keras.ops.cast(x, "float32") * 1e30, "the network's output from number 1 on: vectors of length"),
        (lambda x: x[:1], r"the network's output from number 1 on: must be \(2, 64\); received \(1, 64\)"),
    ],
)
def test_what_a_network_returns_is_checked(change, message):
    inputs = keras.Input((64, 32, 3))
    features = keras.layers.Conv2D(64, 3)(inputs)
    output = keras.layers.Lambda(change)(keras.layers.GlobalAveragePooling2D()(features))
    embed = Embedder(keras.Model(inputs, {"embedding": output}))
    with pytest.raises(InputError, match=message):
        embed([FRAME, FRAME + 1])


def test_an_onnx_with_one_row_for_all_is_refused(exports, tmp_path):
    import onnx

    proto = onnx.load(exports / "image" / "image.onnx")
    (last,) = (node for node in proto.graph.node if "embedding" in node.output)
    last.output[list(last.output).index("embedding")] = "all"
    proto.graph.node.append(onnx.helper.make_node("ReduceMean", ["all"], ["embedding"], axes=[0], keepdims=1))
    onnx.save(proto, tmp_path / "one.onnx")
    with pytest.raises(InputError, match=r"one.onnx: embedding is float32 \(1, 512\) in the network"):
        Embedder(tmp_path / "one.onnx")
    # With a name for the number of rows, as if it depended on the batch, only the result shows it.
    proto.graph.node[-1].output[0] = "some"
    proto.graph.node.append(onnx.helper.make_node("Compress", ["some", "keep"], ["embedding"], axis=0))
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([True]), "keep"))
    onnx.save(proto, tmp_path / "one.onnx")
    with pytest.raises(InputError, match=r"output from number 1 on: must be \(3, 512\); received \(1, 512\)"):
        Embedder(tmp_path / "one.onnx")([FRAME] * 3)


@pytest.mark.parametrize("name", ["images.keras", "image/image.onnx", "lite/lite.tflite", "served/iaunet"])
def test_threads_share_an_embedder(exports, pictures, name):
    embed = Embedder(exports / name)
    lists = [pictures[:1], pictures[1:], pictures]  # of different lengths, for which LiteRT allocates anew
    expected = [embed(each) for each in lists]
    with ThreadPoolExecutor(8) as pool:
        for number, got in enumerate(pool.map(lambda number: embed(lists[number % 3]), range(24))):
            np.testing.assert_allclose(got, expected[number % 3], atol=1e-5)


def test_files_of_others_and_damaged_ones(tmp_path, exports):
    content = (exports / "lite" / "lite.tflite").read_bytes()
    (tmp_path / "other.tflite").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="not a readable LiteRT file"):
        Embedder(tmp_path / "other.tflite")
    served = tmp_path / "served" / "7"
    shutil.copytree(exports / "served" / "iaunet" / "1", served)
    (served / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable SavedModel"):
        Embedder(tmp_path / "served")
    (served / "assets.extra" / "iaunet_tf.json").write_text("{}")
    with pytest.raises(InputError, match="damaged; export the network again"):
        Embedder(tmp_path / "served")


def test_network_in_memory(pictures):
    model = network()
    np.testing.assert_allclose(Embedder(model)(pictures), embeddings(model, np.stack(pictures)), atol=1e-5)


def test_onnx_of_others_is_not_guessed_at(tmp_path, exports):
    import onnx

    proto = onnx.load(exports / "image" / "image.onnx")
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "other.onnx")
    with pytest.raises(InputError, match="was not exported by iaunet-tf, so that its input must be stated"):
        Embedder(tmp_path / "other.onnx")


def test_command(exports, pictures, tmp_path, capsys):
    for number, picture in enumerate(pictures):
        (tmp_path / "people").mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "people" / f"{number}.png")
    out = tmp_path / "features.npz"
    assert main(["embed", str(exports / "image" / "image.onnx"), str(tmp_path / "people"), "--out", str(out)]) == 0
    with np.load(out) as features:
        assert [path.split("/")[-1] for path in features["paths"]] == ["0.png", "1.png", "2.png"]
        np.testing.assert_allclose(
            features["embeddings"], Embedder(exports / "image" / "image.onnx")(pictures), atol=1e-6
        )
    assert main(["embed", str(exports / "clips" / "clips.onnx"), str(tmp_path / "people"), "--out", str(out)]) == 0
    with np.load(out) as features:
        assert features["paths"].tolist() == [str(tmp_path / "people")]
    pytest.importorskip("pyarrow")
    table = tmp_path / "features.parquet"
    assert main(["embed", str(exports / "image" / "image.onnx"), str(tmp_path / "people"), "--out", str(table)]) == 0
    import pyarrow.parquet

    columns = pyarrow.parquet.read_table(table).to_pydict()
    assert [path.split("/")[-1] for path in columns["path"]] == ["0.png", "1.png", "2.png"]
    embedded = Embedder(exports / "image" / "image.onnx")(pictures)
    np.testing.assert_allclose(columns["embedding"], embedded, atol=1e-6)
    assert main(["embed", str(exports / "image" / "image.onnx"), str(tmp_path / "gone"), "--out", str(out)]) == 1
    assert (
        main(["embed", str(exports / "image" / "image.onnx"), str(tmp_path / "people"), "--out", "features.txt"]) == 1
    )
    assert "must end in .npz or .parquet" in capsys.readouterr().err


@pytest.fixture
def folder(tmp_path, pictures):
    """Three images, the second of which is unreadable, and three in each of two folders, one of which has none else."""
    for number, picture in enumerate(pictures):
        for name in ("people", "clips/good"):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(tmp_path / name / f"{number}.png")
    (tmp_path / "clips" / "bad").mkdir()
    for path in (
        tmp_path / "people" / "1.png",
        tmp_path / "clips" / "good" / "1.png",
        tmp_path / "clips" / "bad" / "0.png",
    ):
        path.write_bytes(path.read_bytes()[:90] if path.exists() else b"nothing")
    return tmp_path


def test_command_skips_unreadable_images(exports, pictures, folder, capsys):
    out = folder / "a.npz"
    words = ["embed", str(exports / "image" / "image.onnx"), str(folder / "people"), "--out", str(out)]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert "1.png: not a readable image" in error and error.count("\n") == 1
    assert "1 of 3 images cannot be used; --on_corrupt skip leaves such images out" in error and not out.exists()
    assert main([*words, "--on_corrupt", "skip"]) == 0
    assert "1 of 3 images cannot be used and are left out, the first: " in capsys.readouterr().out
    with np.load(out) as features:
        assert [path.rsplit("/")[-1] for path in features["paths"]] == ["0.png", "2.png"]
        expected = Embedder(exports / "image" / "image.onnx")(pictures[::2])
        np.testing.assert_allclose(features["embeddings"], expected, atol=1e-6)
    words = [
        "embed",
        str(exports / "clips" / "clips.onnx"),
        str(folder / "clips"),
        "--out",
        str(out),
        "--on_corrupt",
        "skip",
    ]
    assert main(words) == 0
    assert "2 of 4 images cannot be used" in capsys.readouterr().out
    with np.load(out) as features:  # a clip of the frames that are readable; none without one
        assert features["paths"].tolist() == [str(folder / "clips" / "good")]
        np.testing.assert_allclose(
            features["embeddings"], Embedder(exports / "clips" / "clips.onnx")([pictures[::2]]), atol=1e-6
        )
    assert main([*words[:2], str(folder / "clips" / "bad"), *words[3:]]) == 1
    assert "1 of 1 images cannot be used" in capsys.readouterr().err


def test_command_takes_each_image_once(exports, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "people" / "1.png").unlink()
    given = ["people", "people/0.png", "./people/../people/2.png", str(folder / "people")]
    assert main(["embed", str(exports / "image" / "image.onnx"), *given, "--out", "a.npz"]) == 0
    assert "4 images are given twice, and are embedded once" in capsys.readouterr().out
    with np.load("a.npz") as features:
        assert len(features["paths"]) == 2


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("a.txt", "must end in .npz or .parquet"),
        ("a.npz", "is a folder"),
        ("file/a.npz", "is not a folder that you may write to"),
    ],
)
def test_command_checks_where_it_writes_first(folder, out, message, capsys):
    (folder / "a.npz").mkdir()
    (folder / "file").touch()
    assert main(["embed", "gone.onnx", "gone", "--out", str(folder / out)]) == 1
    error = capsys.readouterr().err
    assert message in error and "gone" not in error and error.count("\n") == 1


def test_command_goes_on_where_it_was_ended(exports, pictures, folder, capsys, monkeypatch):
    """After a stop in the second part, with the first row of it written in half, and not for other images."""
    (folder / "people" / "1.png").unlink()
    for number in range(2, 40):
        Image.fromarray(pictures[number % 3]).save(folder / "people" / f"{number}.png")
    words = ["embed", str(exports / "image" / "image.onnx"), str(folder / "people"), "--batch_size", "1"]
    assert main([*words, "--out", str(folder / "whole.npz")]) == 0
    calls, stops, whole = [], [[16, 16]], Embedder.__call__

    def counted(self, items, **options):
        calls.append(len(items))
        if calls in stops:
            stops.clear()
            raise KeyboardInterrupt
        return whole(self, items, **options)

    monkeypatch.setattr(Embedder, "__call__", counted)
    out, partial = folder / "a.npz", folder / "a.npz.partial"
    assert main([*words, "--out", str(out)]) == 130
    assert partial.is_file() and not out.exists()
    half = np.zeros((2, 512), "float32")
    half[0, :100] = 0.01
    partial.write_bytes(partial.read_bytes() + half.tobytes())
    kept = partial.read_bytes()
    calls.clear()
    capsys.readouterr()
    assert main([*words, "--out", str(out)]) == 0
    assert "goes on after 16 of 39" in capsys.readouterr().out and calls == [16, 7]
    with np.load(out) as got, np.load(folder / "whole.npz") as expected:
        np.testing.assert_array_equal(got["embeddings"], expected["embeddings"])
    assert not partial.exists()
    partial.write_bytes(kept)
    calls.clear()
    files = sorted(map(str, (folder / "people").iterdir()))
    assert main([*words[:2], *files[::-1], *words[3:], "--out", str(out)]) == 0
    assert calls == [16, 16, 7]
    with np.load(out) as got, np.load(folder / "whole.npz") as expected:
        np.testing.assert_array_equal(got["embeddings"], expected["embeddings"][::-1])
    partial.write_bytes(kept)
    (folder / "people" / "39.png").unlink()
    calls.clear()
    assert main([*words, "--out", str(out)]) == 0
    assert calls == [16, 16, 6]
