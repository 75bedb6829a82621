"""The commands on networks of others: evaluate, report and embed, with the input that is stated."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from inference.others import MATRIX, SIZE, WEIGHTS_BESIDE, expected, write_litert, write_onnx, write_openvino
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from iaunet_tf.commands import main
from iaunet_tf.evaluation import evaluate_retrieval

NETWORKS = Path(__file__).parents[3] / "shared" / "networks"
PEOPLE, GALLERY = 12, 3  # queries, one of each person, and images of each in the gallery
BGR = ["--input.colour=bgr", "--input.scale", "255"]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Market-1501's layout, of images in the networks' own size that hold a person's red, and noise beside it."""
    folder, rng = tmp_path_factory.mktemp("people"), np.random.default_rng(0)
    colours = rng.integers(0, 256, (PEOPLE, *SIZE))
    for part in ("bounding_box_train", "query", "bounding_box_test"):
        (folder / part).mkdir()
    for person in range(PEOPLE):
        for number in range(1 + GALLERY):
            pixels = rng.integers(0, 256, (*SIZE, 3))
            pixels[..., 0] = np.clip(colours[person] + rng.normal(0, 30, SIZE), 0, 255)
            part, camera = ("query", 1) if number == 0 else ("bounding_box_test", 2)
            picture = Image.fromarray(pixels.astype("uint8"))
            name = f"{person + 1:04}_c{camera}s1_{number:06}_00"
            for where in (part, *(["bounding_box_train"] if person < 2 else [])):
                picture.save(folder / where / f"{name if where == part else f'{person + 100:04}{name[4:]}'}.png")
    return folder


@pytest.fixture(autouse=True)
def data(people):
    """Options that name the data set."""
    return ["--data.name", "market1501", "--data.root", str(people)]


def embedded(people, part, colour, scale, nchw=True):
    files = sorted((people / part).iterdir())
    pixels = []
    for file in files:
        with Image.open(file) as picture:
            pixels.append(np.asarray(picture))
    return (
        expected(pixels, colour, scale, nchw),
        [int(file.name[:4]) for file in files],
        [int(file.name[6]) for file in files],
    )


def mean_average_precision(people, *statement):
    query, gallery = (embedded(people, part, *statement) for part in ("query", "bounding_box_test"))
    return evaluate_retrieval(query[0], gallery[0], query[1], gallery[1], query[2], gallery[2]).mAP


def lines(capsys):
    captured = capsys.readouterr()
    return captured.out, captured.err


def one_line(words, capsys, *parts):
    """That a command ends with one line that has these parts."""
    capsys.readouterr()
    assert main(list(map(str, words))) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and all(part in error for part in parts), error


@pytest.mark.parametrize(
    ("name", "write"), [("a.onnx", write_onnx), ("a.xml", write_openvino), ("a.tflite", write_litert)]
)
def test_evaluation_and_report(people, data, tmp_path, capsys, name, write):
    for package in ("openvino", "ai_edge_litert"):
        pytest.importorskip(package)
    network, out = write(tmp_path / name), tmp_path / "out"
    wanted = mean_average_precision(people, "bgr", "255", name != "a.tflite")
    assert main(["evaluate", str(network), *data, *BGR, "--run_dir", str(out), "--eval.batch_size=5"]) == 0
    assert f"input of {name}: 32x16, bgr, 0..1, bilinear (as stated)" in lines(capsys)[0]
    assert json.loads((out / "metrics.json").read_text())["a"]["mAP"] == pytest.approx(wanted, abs=1e-6)
    stated = {"scale": "255", "size": "32x16", "colour": "bgr", "interpolation": "bilinear"}
    record = yaml.safe_load((out / "network.yaml").read_text())
    assert {**record["input"], **stated} == record["input"] and record["network"] == str(network)
    assert main(["report", str(out), "--queries", "1"]) == 0
    page = (out / "report" / "report.html").read_text()
    assert f"input of {name}: 32x16, bgr, 0..1, bilinear" in page and f"{100 * wanted:.1f} (" in page
    for title in ("Metrics", "CMC and ROC", "Best queries", "Distances and thresholds", "Pairs of cameras"):
        assert f">{title}</h2>" in page
    for title in ("Part attention", "Relations between parts", "Training"):
        assert f">{title}</h2>" not in page
    # A file beside it says the same.
    network.with_suffix(".yaml").write_text("colour: bgr\nscale: 255\n")
    assert main(["evaluate", str(network), *data, "--run_dir", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "metrics.json").read_text() == (out / "metrics.json").read_text()
    # The report keeps to what was stated then.
    shutil.rmtree(out / "embeddings")
    network.with_suffix(".yaml").write_text("scale: half\n")
    assert main(["report", str(out), str(tmp_path / "again"), "--out", str(tmp_path / "two")]) == 0
    page = (tmp_path / "two" / "report.html").read_text()
    assert "again: input of" in page and "+0.0 (+0.0 to +0.0)" in page


def test_doubts_about_what_is_stated(people, data, tmp_path, capsys):
    """A network that looks at what the first colour, in 0..255, is more than 128."""
    matrix = np.zeros_like(MATRIX)
    first = len(MATRIX) // 3
    matrix[:first] = np.random.default_rng(1).normal(size=(first, MATRIX.shape[1]))
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
        helper.make_node("Sub", ["flat", "middle"], ["more"]),
        helper.make_node("MatMul", ["more", "matrix"], ["features"]),
    ]
    middle = [numpy_helper.from_array(np.float32(128), "middle")]
    path = write_onnx(tmp_path / "a.onnx", matrix=matrix, nodes=nodes, tensors=middle)
    words = ["evaluate", str(path), *data]
    assert main([*words, "--input.scale=none"]) == 0
    assert "warning" not in lines(capsys)[0]
    assert main([*words, "--input.scale=none", "--input.colour=bgr", "--run_dir", str(tmp_path / "out")]) == 0
    out = lines(capsys)[0]
    assert "warning: with --input.colour rgb" in out and "a sample of 48 images tells people apart better" in out
    assert main(["report", str(tmp_path / "out")]) == 0
    assert "warning: with --input.colour rgb" in (tmp_path / "out" / "report" / "report.html").read_text()
    assert main([*words, "--input.scale=255"]) == 0
    assert "warning: embeddings hardly differ" in lines(capsys)[0]
    capsys.readouterr()
    words = ["embed", str(path), str(people / "bounding_box_test"), "--out", str(tmp_path / "a.npz"), "--input.scale"]
    for scale, doubtful in (("none", False), ("255", True)):
        assert main([*words, scale]) == 0
        assert ("warning: embeddings hardly differ" in lines(capsys)[0]) == doubtful


@pytest.mark.parametrize("value", [np.nan, 0])
def test_networks_that_return_no_numbers_leave_nothing(people, data, tmp_path, capsys, value):
    path = write_onnx(tmp_path / "a.onnx", matrix=np.full_like(MATRIX, value))
    ends = "the file is damaged, or its input is not the one that is stated (32x16, bgr, 0..1, bilinear)"
    one_line(["evaluate", path, *data, *BGR, "--run_dir", tmp_path / "out"], capsys, "a.onnx: ", ends)
    one_line(["embed", path, people / "query", "--out", tmp_path / "a.npz", *BGR], capsys, "a.onnx: ", ends)
    assert [file.name for file in tmp_path.iterdir()] == ["a.onnx"]


def test_networks_that_fail_in_the_gallery_leave_nothing(people, data, tmp_path, capsys):
    """After the queries have been embedded."""
    one = next(iter(sorted((people / "bounding_box_test").iterdir())))
    with Image.open(one) as picture:
        total = float(np.asarray(picture, "float32").sum())
    add = [
        helper.make_node("ReduceSum", ["flat", "axis"], ["sum"], keepdims=1),
        helper.make_node("Sub", ["sum", "total"], ["gap"]),
        helper.make_node("Div", ["features", "gap"], ["out"]),
    ]
    tensors = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("total", TensorProto.FLOAT, [1], [total]),
    ]
    path = write_onnx(tmp_path / "a.onnx", outputs={"out": ("batch", 8)}, add=add, tensors=tensors)
    words = ["evaluate", path, *data, "--input.scale=none", "--run_dir", tmp_path / "out"]
    one_line(words, capsys, "a.onnx: returns NaN or infinity for 1 of 36 images")
    assert [file.name for file in tmp_path.iterdir()] == ["a.onnx"]


@pytest.fixture
def evaluated(data, tmp_path, capsys):
    """Folder of an evaluation of `a.onnx`, which lies beside it."""
    path = write_onnx(tmp_path / "a.onnx")
    assert main(["evaluate", str(path), *data, *BGR, "--run_dir", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    return tmp_path / "out"


def test_an_evaluation_is_no_run(evaluated, data, tmp_path, capsys):
    says = f"{evaluated}: is not a run but the evaluation of a network in a file, which network.yaml names"
    for words in (
        ["evaluate", evaluated],
        ["evaluate", evaluated, *BGR],
        ["evaluate", evaluated, "--eval.rerank=true"],
        ["train", "--resume", evaluated],
        ["train", "--evaluate", evaluated],
        ["train", "--run_dir", evaluated, "--on_existing=resume"],
        ["export", "onnx", evaluated, "--out", tmp_path / "b.onnx"],
        ["embed", evaluated, evaluated, "--out", tmp_path / "b.npz"],
    ):
        if words[0] == "embed":
            words[2] = data[-1]
        one_line(words, capsys, says)
    one_line(
        ["evaluate", tmp_path / "a.onnx", *data, *BGR, "--run_dir", evaluated], capsys, "out: exists; choose another"
    )


def test_networks_that_are_gone_or_others_are_not_reported_on(evaluated, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, record = tmp_path / "a.onnx", evaluated / "network.yaml"
    content = path.read_bytes()
    write_onnx(path, matrix=MATRIX + 1)
    one_line(["report", evaluated], capsys, f"{path}: has changed since it was evaluated; evaluate it again")
    path.unlink()
    one_line(["report", evaluated], capsys, f"{path}: no such file; this network was evaluated")
    path.write_bytes(content)
    (tmp_path / "a.onnx.data").write_bytes(b"more")
    more = f"{path} (a.onnx.data): has changed" if WEIGHTS_BESIDE else "takes a newer onnxruntime"
    one_line(["report", evaluated], capsys, more)
    (tmp_path / "a.onnx.data").unlink()
    text = record.read_text()
    changes = [("network:", "net:"), ("scale:", "mean:"), ("sha256:\n", "sha256: 3\nother:\n"), ("[]", "[3]")]
    for damaged in ("", "3", "network: 3", "[", "a: *b", *(text.replace(*change) for change in changes)):
        record.write_text(damaged)
        one_line(["report", evaluated], capsys, "network.yaml: ")
    record.write_text(text.replace("'255'", "'7'"))
    one_line(["report", evaluated], capsys, "scale must be none, 255, half or imagenet")
    record.write_text(text)
    for name, part in (
        ("metrics.json", "is not evaluated; evaluate the network again"),
        ("config.yaml", "config.yaml: "),
    ):
        kept = (evaluated / name).read_bytes()
        (evaluated / name).unlink()
        one_line(["report", evaluated], capsys, part)
        (evaluated / name).write_bytes(kept)
    kept = (evaluated / "config.yaml").read_text()
    for change, part in (
        (("height: 32", "height: 64"), "takes 32x16 pixels, not 64x16"),
        (("root: ", "root: /gone"), "no such folder; "),
        (("task: reid", "task: classification"), "config.yaml: "),
    ):
        (evaluated / "config.yaml").write_text(kept.replace(*change))
        one_line(["report", evaluated], capsys, part)
    (evaluated / "config.yaml").write_text("")
    one_line(["report", evaluated], capsys, "datasets/synthetic: no such folder")
    (evaluated / "config.yaml").write_text(kept)
    assert not (evaluated / "report").exists()
    assert main(["report", str(evaluated), "--queries", "1"]) == 0


def test_a_network_that_came_to_return_nan_is_not_reported_on(evaluated, tmp_path, capsys):
    """By hand, since the digest would tell."""
    import hashlib

    write_onnx(tmp_path / "a.onnx", matrix=np.full_like(MATRIX, np.nan))
    record = yaml.safe_load((evaluated / "network.yaml").read_text())
    record["sha256"] = {"a.onnx": hashlib.sha256((tmp_path / "a.onnx").read_bytes()).hexdigest()}
    (evaluated / "network.yaml").write_text(yaml.safe_dump(record))
    one_line(["report", evaluated], capsys, "a.onnx: returns NaN or infinity")
    assert not (evaluated / "report").exists()


def test_stored_embeddings_are_used(evaluated, monkeypatch):
    from iaunet_tf import Embedder

    monkeypatch.setattr(Embedder, "__call__", lambda *_, **__: pytest.fail("embeds again"))
    assert main(["report", str(evaluated), "--queries", "1"]) == 0


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("lite/lite.tflite", "images.keras")]


@pytest.mark.parametrize("name", ["image/image.onnx", "served/iaunet", *SLOW])
def test_exports_of_iaunet_tf_are_reported_on(exports, data, tmp_path, capsys, name):
    out, source = tmp_path / "out", exports / name
    network = (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / source.name)
    assert main(["evaluate", str(network), *data, "--run_dir", str(out)]) == 0
    shown = f"input of {Path(name).name}: 64x32, rgb, 0..255, bicubic (as its metadata says)"
    assert shown in lines(capsys)[0]
    record = yaml.safe_load((out / "network.yaml").read_text())
    assert record["input"] == {} and record["sha256"]
    assert main(["report", str(out), "--queries", "1"]) == 0
    assert "64x32, rgb, 0..255, bicubic (as its metadata says)" in (out / "report" / "report.html").read_text()
    one_line(["evaluate", network, *data, *BGR], capsys, "says itself what its input is; leave input out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input.mean=3"], "there is no option --input.mean; did you mean --input.size?"),
        (["--input.color", "rgb"], "there is no option --input.color; did you mean --input.colour?"),
        (["--input", "rgb"], "there is no option --input"),
        (["--input.scale"], "--input.scale: expected one argument"),
        (["--input.scale="], "input.scale must be none, 255, half or imagenet; received ''"),
        (["--input.size", "32x16"], "state what it expects of pixels, by input.scale"),
        ([], "was not exported by iaunet-tf, so that its input must be stated, for example --input.size"),
        (["--input.scale=none", "--data.interpolation=bicubic"], "takes images resized by bilinear, not bicubic"),
        (["--input.scale=none", "--data.height=64"], "takes 32x16 pixels, not 64x128"),
        (["--input.scale=none", "--eval.flip=true"], "eval.flip needs a run"),
        (["--input.scale=none", "--data.name=mars"], "embeds images, and mars consists of tracklets"),
    ],
)
def test_mistakes_are_one_line(data, tmp_path, capsys, words, message):
    path = write_onnx(tmp_path / "a.onnx")
    one_line(["evaluate", path, *data, *words, "--run_dir", tmp_path / "out"], capsys, message)
    assert not (tmp_path / "out").exists()
    if all(word.startswith(("--input", "32x16", "rgb")) for word in words):
        capsys.readouterr()
        assert main(["embed", str(path), data[-1], "--out", str(tmp_path / "a.npz"), *words]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and not (tmp_path / "a.npz").exists()


@pytest.mark.parametrize("command", ["evaluate", "embed"])
def test_help_explains_the_options(capsys, command):
    assert main([command, "--help"]) == 0
    assert "--input.scale none|255|half|imagenet" in " ".join(lines(capsys)[0].split())


def test_embedding_another_input_begins_anew(people, tmp_path, capsys, monkeypatch):
    path, out = write_onnx(tmp_path / "a.onnx"), tmp_path / "a.npz"
    words = ["embed", str(path), str(people / "bounding_box_test"), "--out", str(out), "--batch_size=1"]
    from iaunet_tf import Embedder

    whole, calls = Embedder.__call__, []

    def stopping(self, items, **options):
        calls.append(len(items))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(self, items, **options)

    monkeypatch.setattr(Embedder, "__call__", stopping)
    assert main([*words, "--input.scale=none"]) == 130
    assert main([*words, "--input.scale=none", "--input.colour=bgr"]) == 0
    captured = lines(capsys)[0]
    assert "goes on" not in captured and "input of a.onnx: 32x16, bgr, 0..255, bilinear (as stated)" in captured
    with np.load(out) as features:
        got = dict(zip(map(str, features["paths"]), features["embeddings"], strict=True))
    wanted = embedded(people, "bounding_box_test", "bgr", "none")[0]
    files = sorted((people / "bounding_box_test").iterdir())
    np.testing.assert_allclose([got[str(file)] for file in files], wanted, atol=2e-6)


# Real networks


REAL = {
    "osnet_x0_25_msmt17.onnx": (["--input.scale=imagenet"], 95.30, 93.33),
    "person-reidentification-retail-0287.xml": (["--input.scale=none", "--input.colour=bgr"], 100, 100),
    "person-reidentification-retail-0288.xml": (["--input.scale=none", "--input.colour=bgr"], 100, 100),
}


def real(name, folder):
    """A copy, beside which evaluations may write."""
    if not (NETWORKS / name).is_file():
        pytest.skip("the networks are not here")
    pytest.importorskip("openvino")
    for file in NETWORKS.glob(f"{Path(name).stem}*"):
        shutil.copy(file, folder)
    return folder / name


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_networks(street, tmp_path, capsys, name):
    stated, mean, rank_1 = REAL[name]
    words = ["evaluate", str(real(name, tmp_path)), "--data.name=market1501", "--data.root", str(street / "market")]
    out = tmp_path / "out"
    assert main([*words, *stated, "--run_dir", str(out)]) == 0
    assert "warning" not in lines(capsys)[0]
    (metrics,) = json.loads((out / "metrics.json").read_text()).values()
    assert 100 * metrics["mAP"] == pytest.approx(mean, abs=0.01)
    assert 100 * metrics["rank-1"] == pytest.approx(rank_1, abs=0.01)
    assert main(["report", str(out)]) == 0


@pytest.mark.slow
def test_wrong_statements_about_real_networks_are_doubted(street, tmp_path, capsys):
    on = ["--data.name=market1501", "--data.root", str(street / "market")]
    names = "osnet_x0_25_msmt17.onnx", "person-reidentification-retail-0288.xml"
    osnet, intel = (real(name, tmp_path) for name in names)
    assert main(["evaluate", str(osnet), *on, "--input.scale=none"]) == 0
    out = lines(capsys)[0]
    assert "warning: embeddings hardly differ" in out and "warning: with --input.scale imagenet" in out
    assert main(["evaluate", str(intel), *on, "--input.scale=none"]) == 0
    assert "warning: with --input.colour bgr a sample of" in lines(capsys)[0]


def test_a_damaged_network_is_noticed(street, tmp_path, capsys):
    words = ["--data.name=market1501", "--data.root", street / "market", "--run_dir", tmp_path / "out"]
    stated = ["--input.scale=none", "--input.colour=bgr"]
    one_line(
        ["evaluate", real("broken-0287.onnx", tmp_path), *words, *stated],
        capsys,
        "broken-0287.onnx: returns NaN or infinity",
    )
    assert not (tmp_path / "out").exists()
