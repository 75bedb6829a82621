import io
import shutil
import subprocess
import sys

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
    embed = Embedder(exports / name, batch_size=2)
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
    embed = Embedder(exports / name, batch_size=2)
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


def test_mistakes(exports, pictures, tmp_path):
    images, clips = Embedder(exports / "image" / "image.onnx"), Embedder(exports / "clips" / "clips.onnx")
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    for embed, given, message in (
        (images, [], "the list is empty"),
        (images, [pictures], "clips, which are lists of frames, need a video network"),
        (images, np.zeros((1, 2, 64, 32, 3), "uint8"), r"received \(2, 64, 32, 3\); clips need a video network"),
        (images, [np.zeros((64, 32), "uint8")], r"must have shape \(height, width, 3\); received \(64, 32\)"),
        (images, [np.zeros((64, 32, 3), "int32")], "must be uint8 or floating point in 0..255; received int32"),
        (images, [tmp_path / "a.jpg"], "a.jpg: not a readable image"),
        (images, [tmp_path / "b.jpg"], "b.jpg: no such file"),
        (images, [b"nothing"], "not a readable image"),
        (images, [3.5], "received float"),
        (clips, [[]], "a clip has no frames"),
    ):
        with pytest.raises(InputError, match=message):
            embed(given)
    with pytest.warns(UserWarning, match="look normalised; pass RGB pixels in 0..255"):
        images([np.random.default_rng(0).normal(size=(64, 32, 3))])
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    for path, message in (
        (tmp_path / "gone.onnx", "no such file"),
        (tmp_path / "a.onnx", "not a readable ONNX file"),
        (tmp_path / "a.jpg", "is neither .onnx, .tflite nor .keras, nor the folder of a SavedModel or of a run"),
    ):
        with pytest.raises(InputError, match=message):
            Embedder(path)


def test_files_of_others_and_damaged_ones(tmp_path, exports):
    content = (exports / "lite" / "lite.tflite").read_bytes()
    (tmp_path / "other.tflite").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="was not exported by iaunet-tf"):
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
    np.testing.assert_allclose(Embedder(model)(pictures), embeddings(model, np.stack(pictures)), atol=1e-6)


def test_onnx_of_others_is_not_guessed_at(tmp_path, exports):
    import onnx

    proto = onnx.load(exports / "image" / "image.onnx")
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "other.onnx")
    with pytest.raises(InputError, match="was not exported by iaunet-tf"):
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
    assert "ends in .npz or .parquet" in capsys.readouterr().err
