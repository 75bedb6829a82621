"""Reports on small runs, by the command."""

import base64
import contextlib
import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import yaml
from PIL import Image, ImageFont
from small import SMALL

from iaunet_tf.commands import main
from iaunet_tf.commands.report import MANIFEST, WRITTEN, _publish
from iaunet_tf.commands.train import main as run_command
from iaunet_tf.data.decoding import load_image
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.data.synthetic.tracklets import TrackletOptions, ensure_tracklets
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.extraction import Extractor
from iaunet_tf.evaluation.open_set import OpenSetDistances
from iaunet_tf.report import images, plots
from iaunet_tf.report.findings import Findings
from iaunet_tf.report.sections import _distances, all_sections, choose_queries

OPTIONS = [*SMALL, "--train.warmup_epochs=0"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder of runs: `first` trained for an epoch, `second` without blocks, `other` on other people."""
    folder = tmp_path_factory.mktemp("runs")
    options = {"cameras_per_person": 3, "shots": 2, "distractors": 3}
    ensure_images(folder / "market", ImageOptions(train_people=6, test_people=5, **options))
    ensure_images(folder / "elsewhere", ImageOptions(train_people=6, test_people=4, **options))
    for name, data, extra in (
        ("first", "market", ["--train.epochs=1"]),
        ("second", "market", ["--train.epochs=0", "--model.block=null"]),
    ):
        places = [f"--data.root={folder / data}", f"--run_dir={folder / name}"]
        run_command(["--data.name=market1501", *places, *OPTIONS, "--eval.histograms=false", "--eval.every=1", *extra])
    shutil.copytree(folder / "second", folder / "other")
    config = folder / "other" / "config.yaml"
    config.write_text(config.read_text().replace(str(folder / "market"), str(folder / "elsewhere")))
    return folder


def embedded_pictures(page):
    found = re.findall(r'src="data:image/(\w+);base64,([^"]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(content))) for _, content in found]


@pytest.fixture(scope="module")
def report(runs):
    """Folder of the report on `first`."""
    assert main(["report", str(runs / "first"), "--queries", "1"]) == 0
    return runs / "first" / "report"


def test_page_of_a_run(runs, report):
    folder = report
    page = (folder / "report.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:|#)", page) and "http" not in page  # opens anywhere
    for title in ("Metrics", "CMC and ROC", "Training", "Best queries", "Worst queries", "Random queries"):
        assert f">{title}</h2>" in page
    for title in ("Part attention", "Relations between parts", "Distances and thresholds", "Pairs of cameras"):
        assert f">{title}</h2>" in page
    metrics = json.loads((runs / "first" / "metrics.json").read_text())["demo"]
    low, high = metrics["95 %"]["mAP"]
    assert f"{100 * metrics['mAP']:.1f} ({100 * low:.1f} to {100 * high:.1f})" in page
    # The rates are of some 200 pairs of two people, 1 % of which are fewer than three.
    assert "TPR at 10 %" in page and "TPR at 1 %" not in page and "TPR at 0.1 %" not in page
    files = [path for path in folder.rglob("*") if path.suffix in (".png", ".jpg")]
    assert len(files) == len(embedded_pictures(page)) > 12  # every picture is a file, too
    assert len(list((folder / "ranked").iterdir())) == len(list((folder / "attention").iterdir())) == 3
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(json.loads((folder / MANIFEST).read_text())[WRITTEN]) == names


def test_a_run_has_a_model_card(runs):
    """Training leaves one, with the counts of its data; these are drawings, in whatever layout."""
    text = (runs / "first" / "README.md").read_text()
    metrics = json.loads((runs / "first" / "metrics.json").read_text())["demo"]
    (index,) = yaml.safe_load(text.split("---\n")[1])["model-index"]
    values = {each["type"]: each["value"] for each in index["results"][0]["metrics"]}
    assert values == {name: round(100 * metrics[name], 2) for name in ("mAP", "rank-1")}
    assert "| train | synthetic (drawn pedestrians) | 6 identities, 36 images, 6 cameras, 36 with part masks |" in text
    assert str(runs) not in text and "**Drawings.**" in text


def test_findings_are_those_of_the_evaluation(runs):
    found = Findings.of(runs / "first")
    assert found.ranking.mAP == found.metrics[found.label]["mAP"]
    query, gallery = found.test.query.subset, found.test.gallery.subset
    extract = Extractor(found.model, found.config)
    embeddings = [extract(source) for source in (found.test.query, found.test.gallery)]
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in embeddings]
    distances = 1 - unit[0] @ unit[1].T
    distances[(query.pids[:, None] == gallery.pids) & (query.camids[:, None] == gallery.camids)] = np.inf
    np.testing.assert_allclose(found.nearest[1][:, 0], distances.min(axis=1), atol=1e-5)
    first = gallery.pids[distances.argmin(axis=1)]
    wrong = (first != query.pids) & (first != 0)
    pairs = {(a, b): len(rows) for a, b, rows in found.confused()}
    expected = [tuple(sorted(pair)) for pair in zip(query.pids[wrong], first[wrong], strict=True)]
    assert pairs == {pair: expected.count(pair) for pair in expected}
    assert found.hits(0).tolist() == (gallery.pids[found.nearest[0][0]] == query.pids[0]).tolist()
    for relation in found.relations:
        assert relation.shape == (1, 4, 1, 4)
        np.testing.assert_allclose(relation.sum(axis=(2, 3)), 1, rtol=1e-5)
        np.testing.assert_allclose(np.diag(relation[0, :, 0]), 0, atol=1e-6)
    first, second = found.attention(found.paths("query", 0))
    assert first.shape == (1, 8, 4, 4) and second.shape == (1, 4, 2, 4)
    direct = found.model(load_image(query.path(0), (64, 32))[None].astype("float32"), training=False)
    np.testing.assert_allclose(second, direct["part_attention_2"], atol=1e-5)


def table_of(file):
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.slow
def test_people_and_cameras_are_called_as_in_their_folders(runs, report, tmp_path):
    """The same images as own ones: the same report, but for the names."""
    people, cameras, own = {}, {}, tmp_path / "own"
    for folder, subset in (("bounding_box_train", "train"), ("query", "query"), ("bounding_box_test", "gallery")):
        for path in sorted((runs / "market" / folder).glob("*.jpg")):
            pid, camera = re.match(r"(-?\d+)_c(\d+)", path.name).groups()
            # Distractors, who are nobody's query, keep their name; the others sort as their numbers do.
            person = people.setdefault(int(pid), pid if int(pid) <= 0 else pid + os.fsdecode(b" caf\xe9 $_"))
            place = own / subset / person / cameras.setdefault(int(camera), f"c{camera} $^ of the hall")
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    run = tmp_path / "run"
    shutil.copytree(runs / "first", run, ignore=shutil.ignore_patterns("report", "embeddings"))
    values = yaml.safe_load((run / "config.yaml").read_text())
    values["data"] |= {"name": "own", "root": str(own)}
    (tmp_path / "page").mkdir()
    (run / "config.yaml").write_text(yaml.safe_dump(values))
    found = Findings.of(run)
    captions = [each.caption for section in all_sections([found], tmp_path / "page", 1, 0) for each in section.figures]

    shown = {
        pid: name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for pid, name in people.items()
    }
    ours, theirs = (
        {os.path.basename(row["query"]): row for row in table_of(folder / "queries.csv")}
        for folder in (tmp_path / "page", report)
    )
    assert ours.keys() == theirs.keys()
    for name, row in theirs.items():
        assert ours[name]["person"] == shown[int(row["person"])] and "caf\\xe9" in ours[name]["person"]
        assert ours[name]["camera"] == cameras[int(row["camera"])]
    confused = [(shown[int(row["person"])], shown[int(row["other"])]) for row in table_of(report / "confused.csv")]
    assert {(row["person"], row["other"]) for row in table_of(tmp_path / "page" / "confused.csv")} == set(confused)
    assert sum("caf\\xe9 $_, average precision" in caption for caption in captions) == 3
    pairs = {(row["query_camera"], row["gallery_camera"]): row["rank-1"] for row in found.cameras}
    expected = table_of(runs / "first" / "cameras.csv")
    assert pairs == {
        (cameras[int(row["query_camera"])], cameras[int(row["gallery_camera"])]): float(row["rank-1"])
        for row in expected
    }


@pytest.mark.parametrize("name", [7, "7", "person0001", "in the hall, beside the door", "W" * 300, ""])
def test_labels_are_no_wider_than_images(name):
    label, font = images.label("person", name), ImageFont.load_default(12)
    assert font.getlength(label) <= images.WIDTH + images.FRAME + images.GAP
    whole = {f"person {name}", str(name)}
    assert label in whole or (label[:3] == "..." and str(name).endswith(label[3:]) and len(label) > 5)
    assert label == f"person {name}" or font.getlength(f"person {name}") > images.WIDTH + 2 * images.FRAME


@pytest.mark.filterwarnings("error")
def test_any_name_can_be_drawn(tmp_path):
    """Characters that fonts lack are written as Python does; signs of formulas and new lines are only characters."""
    names = {"\u5165\n": r"\u5165\n", "\xe9": "camera \xe9", r"$\frac$": r"camera $\frac$", "a": "camera a"}
    assert {name: images.label("camera", name) for name in names} == names
    rows = [{"query_camera": a, "gallery_camera": b, "rank-1": 0.5} for a in [*names, "b/" * 99] for b in names]
    plots.draw_cameras(rows, tmp_path / "cameras.png")
    plots.draw_cameras([{"query_camera": 1, "gallery_camera": 2, "rank-1": 0.5}], tmp_path / "numbers.png")


def test_thresholds_of_open_sets_have_their_own_words(runs, tmp_path):
    found = Findings.of(runs / "first")
    known = found.open_set
    more = OpenSetDistances(*(np.tile(values, 3) for values in (known.own, known.other, known.pids)))
    pairs, open_set = _distances([replace(found, open_set=more)], tmp_path)
    assert pairs.table[0] == ["", "false positives", "distance", "true positives"]
    assert [row[1].split()[0] for row in pairs.table[1:]] == ["10"]
    assert open_set.table[0] == ["", "false identifications", "distance", "identified"]
    (row,) = open_set.table[1:]  # of 45 queries, 10 %
    (threshold,) = more.thresholds()
    assert row[0] == "first" and row[2] == f"{threshold.distance:.4f}"
    assert len(list(_distances([found], tmp_path))) == 1  # of 15, 10 % are too few


@pytest.mark.slow
def test_nothing_but_the_report_is_told(runs, tmp_path):
    command = [sys.executable, "-m", "iaunet_tf", "report", runs / "first", "--out", tmp_path / "page", "--queries=1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_CPP")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_chosen_queries_are_the_best_and_the_worst_of_different_people(runs):
    found = Findings.of(runs / "first")
    chosen = choose_queries([found], 2, 0)
    ap, pids = found.ranking.ap, found.test.query.subset.pids
    rows = [row for each in chosen.values() for row in each]
    assert len({pids[row] for row in rows}) == len(rows) == 5  # two, two, and the one who is left
    best, worst = chosen["Best queries"], chosen["Worst queries"]
    assert ap[best[0]] == ap.max() and ap[worst[0]] == ap[~np.isin(pids, pids[best])].min()


@pytest.mark.slow
def test_two_runs_side_by_side(runs):
    assert (
        main(["report", str(runs / "first"), str(runs / "second"), "--out", str(runs / "both"), "--queries", "1"]) == 0
    )
    page = (runs / "both" / "report.html").read_text()
    assert ">Better found by first</h2>" in page and ">Better found by second</h2>" in page
    metrics = [json.loads((runs / name / "metrics.json").read_text())["demo"]["mAP"] for name in ("first", "second")]
    assert f"<td>{100 * (metrics[0] - metrics[1]):+.1f} (" in page
    with (runs / "both" / "queries.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name, value in zip(("first", "second"), metrics, strict=True):
        assert np.mean([float(row[f"{name} average precision"]) for row in rows]) == pytest.approx(value, abs=1e-5)


@pytest.mark.slow
def test_whole_tracklets(tmp_path, capsys):
    options = TrackletOptions(train_people=4, test_people=3, cameras_per_person=2, frames=5, distractors=1)
    ensure_tracklets(tmp_path / "mars", options)
    run = tmp_path / "run"
    places = [
        "--data.name=mars",
        f"--data.root={tmp_path / 'mars'}",
        f"--run_dir={run}",
        f"--data.cache_dir={tmp_path}",
    ]
    run_command(
        ["--data.name=mars", *places, *OPTIONS, "--data.clip_length=2", "--train.epochs=0", "--eval.histograms=false"]
    )
    assert main(["report", str(run), "--queries", "1"]) == 0
    page = (run / "report" / "report.html").read_text()
    assert "5 frames" in page and "Training</h2>" not in page
    (picture, *_) = (run / "report" / "attention").iterdir()
    with Image.open(picture) as opened:
        assert opened.height == 3 * 120 + 24  # a row of frames, each with both blocks below
        columns = opened.width // 62
    found = Findings.of(run)
    assert columns in found.test.query.subset.lengths
    assert [relation.shape for relation in found.relations] == [(2, 4, 2, 4)] * 2
    # The last frame of five is in a clip of its own, padded by itself.
    frames = found.paths("query", int(np.flatnonzero(found.test.query.subset.lengths == 5)[0]))
    clip = np.stack([load_image(frames[4], (64, 32))] * 2)[None].astype("float32")
    direct = found.model(clip, training=False)["part_attention_1"][0, 0]
    np.testing.assert_allclose(found.attention(frames)[0][4], direct, atol=1e-5)


def test_frames_of_hits_and_misses(tmp_path):
    Image.new("RGB", (40, 80), "blue").save(tmp_path / "a.png")
    found = [(tmp_path / "a.png", True, "hit"), (tmp_path / "a.png", False, "miss")]
    images.ranked_list(tmp_path / "a.png", found, "query", tmp_path / "list.png")
    pixels = np.asarray(Image.open(tmp_path / "list.png"))
    width = images.WIDTH + 2 * images.FRAME + images.GAP
    colours = [tuple(pixels[100, place * width + shift + 1]) for place, shift in ((0, 0), (1, 8), (2, 8))]
    assert colours == [(0x77, 0x77, 0x77), (0x2A, 0x9D, 0x3A), (0xD1, 0x49, 0x5B)]


def test_overlay_is_coloured_where_attention_is():
    attention = np.zeros((4, 2, 4))
    attention[0, :, 0], attention[3, :, 2] = 1, 1  # head above, lower body below
    shown = images.overlay(np.full((64, 32, 3), 128, "uint8"), attention).astype(int)
    assert shown[2, 16, 0] > shown[2, 16, 2] + 50 and shown[61, 16, 2] > shown[61, 16, 0] + 50
    np.testing.assert_allclose(shown[32, 16], 128, atol=8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: is not a run folder"),
        (["{runs}/market"], "market: is not a run folder"),
        (["{runs}/first", "{runs}/other"], "first and other are not about the same query: 15 and 12 images"),
        (["{runs}/first", "{runs}/second", "{runs}/other"], "a report is on one run or on two; received 3"),
        (["{runs}/first", "{runs}/first"], "both runs are called first"),
        (["{runs}/first", "--out", "{runs}/market"], "market: exists and is not a report"),
        (["{runs}/first", "--out", "{runs}/first/config.yaml"], "config.yaml: exists and is not a report"),
        (["{runs}/first", "--queries", "0"], "--queries must be a whole number from 1 to 1000; received 0"),
        (["{runs}/first", "--seed", "-1"], "--seed must be"),
    ],
)
def test_mistakes_are_named(runs, capsys, arguments, message):
    assert main(["report", *[argument.format(runs=runs) for argument in arguments]]) == 1
    assert message in capsys.readouterr().err


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_what_an_older_report_wrote_is_replaced(runs, report, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "page"
    command = ["report", str(runs / "first"), "--queries", "1", "--out", str(folder)]
    shutil.copytree(report, folder)
    (folder / "thesis.docx").write_text("precious")
    (folder / "ranked" / "mine.jpg").write_text("precious")
    before = tree(folder)
    with monkeypatch.context() as patch:
        patch.setattr("iaunet_tf.report.sections._write_queries", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert main(command) == 143 and "stopped by SIGTERM" in capsys.readouterr().err
    assert tree(folder) == before
    # The older report had one more file, which goes.
    manifest = folder / MANIFEST
    (folder / "ranked" / "older.jpg").touch()
    listed = json.loads(manifest.read_text())[WRITTEN]
    manifest.write_text(json.dumps({WRITTEN: [*listed, "ranked/older.jpg", "ranked/gone.jpg"]}))
    assert main(command) == 0 and capsys.readouterr().out.strip().endswith(str(folder / "report.html"))
    assert tree(folder).keys() == before.keys() and (folder / "thesis.docx").read_text() == "precious"


@pytest.mark.parametrize(
    "content",
    [
        *(
            f'{{"{WRITTEN}": {names}}}'
            for names in ('["../outside"]', '["HERE/outside"]', '["mine.txt", 1]', "7", "null")
        ),
        '["mine.txt"]',  # of something else
        "{",
        "",
        None,
    ],
)
def test_a_list_of_files_that_is_none_is_refused(runs, tmp_path, capsys, content):
    (tmp_path / "outside").touch()
    folder = tmp_path / "page"
    folder.mkdir()
    for name in ("report.html", "mine.txt"):
        (folder / name).touch()
    if content is not None:
        (folder / MANIFEST).write_text(content.replace("HERE", str(tmp_path)))
    before = tree(tmp_path)
    assert main(["report", str(runs / "first"), "--out", str(folder)]) == 1
    assert f"page: holds a report without a whole list of its files, {MANIFEST}" in capsys.readouterr().err
    assert tree(tmp_path) == before


def test_publishing_can_be_stopped_at_any_file_and_loses_nothing(tmp_path, monkeypatch):
    def draw(folder, names):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(folder.name)

    def publish(name, names):
        draw(tmp_path / name, names)
        _publish(tmp_path / name, folder)

    replace, old, new = os.replace, ["report.html", "a.png", "ranked/1.jpg"], ["report.html", "a.png", "ranked/2.jpg"]
    for allowed in range(6):
        folder = tmp_path / f"page-{allowed}"
        publish(f"old-{allowed}", old)
        draw(folder, ["mine.txt", "ranked/mine.jpg"])
        calls = iter(range(9))

        def some(*names, calls=calls, allowed=allowed):
            if next(calls) == allowed:
                raise KeyboardInterrupt
            replace(*names)

        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(os, "replace", some)
            publish(f"new-{allowed}", new)
        assert {"report.html", "a.png", "mine.txt", "ranked/mine.jpg"} < tree(folder).keys()
        publish(f"again-{allowed}", new)
        assert tree(folder).keys() == {*new, "mine.txt", "ranked/mine.jpg", MANIFEST}
        assert (folder / "report.html").read_text() == f"again-{allowed}"
        draw(folder, ["ranked/3.jpg"])  # somebody's
        before = tree(folder)
        with pytest.raises(InputError, match=r"ranked/3.jpg: is in the way"):
            publish(f"last-{allowed}", [*new, "ranked/3.jpg"])
        assert tree(folder) == before


def test_damaged_files_of_a_run(runs, tmp_path, capsys):
    """Numbers stay those of the run; what a page cannot do without is named."""
    run, out = tmp_path / "run", tmp_path / "page"
    command = ["report", str(run), "--queries", "1", "--out", str(out)]
    shutil.copytree(runs / "first", run)
    (run / "history.csv").write_bytes((run / "history.csv").read_bytes() + b"1,0.5,\xff\x00\n\n2,0.")
    (run / "embeddings" / "market1501-query.npy").write_bytes(b"torn")
    (run / "embeddings" / "market1501-gallery.json").write_bytes(b"[")
    assert main(command) == 0
    assert capsys.readouterr().out.count("damaged, made anew") == 2
    for file in (run / "embeddings").glob("*.npy"):
        np.testing.assert_array_equal(np.load(file), np.load(runs / "first" / "embeddings" / file.name))
    for content in (
        "",
        "[]",
        "{",
        '{"demo": 1}',
        '{"demo": {"thresholds": {"pairs": [1]}}}',
        '{"demo": {"mAP": "x"}}',
        '{"demo": {"95 %": {"mAP": 1}}}',
    ):
        (run / "metrics.json").write_text(content)
        assert main(command) == 1
        assert f"metrics.json: damaged; iaunet evaluate {run} writes it anew" in capsys.readouterr().err


@pytest.mark.slow
def test_file_names_need_not_be_unicode(runs, tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "page"
    market = tmp_path / os.fsdecode(b"market-\xff")
    shutil.copytree(runs / "market", market)
    for path in [*(market / "query").iterdir(), *(market / "bounding_box_test").iterdir()]:
        path.rename(os.fsdecode(os.fsencode(path.with_suffix("")) + b"-caf\xe9.jpg"))
    shutil.copytree(runs / "first", run)
    config = run / "config.yaml"
    values = yaml.safe_load(config.read_text())
    values["data"]["root"] = str(market)
    config.write_text(yaml.safe_dump(values))
    assert main(["report", str(run), "--queries", "1", "--out", str(out)]) == 0
    with (out / "queries.csv").open(newline="", encoding="utf-8") as file:
        assert all(row["query"].endswith("-caf\\xe9.jpg") for row in csv.DictReader(file))
    features = tmp_path / "features.parquet"
    pytest.importorskip("pyarrow")
    assert main(["embed", str(run), str(market / "query"), "--out", str(features)]) == 0
    import pyarrow.parquet

    paths = pyarrow.parquet.read_table(features)["path"].to_pylist()
    assert len(paths) == 15 and all("market-\\xff" in path and path.endswith("-caf\\xe9.jpg") for path in paths)


def test_unfinished_run_is_named(runs, tmp_path, capsys):
    (tmp_path / "config.yaml").write_text((runs / "first" / "config.yaml").read_text())
    assert main(["report", str(tmp_path)]) == 1
    assert "is not evaluated; iaunet evaluate" in capsys.readouterr().err


@pytest.mark.parametrize("parts", [1, 4, 6])
@pytest.mark.parametrize("frames", [1, 3])
def test_any_number_of_parts_is_drawn(tmp_path, parts, frames):
    relation = np.random.default_rng(0).random((frames, parts, frames, parts))
    plots.draw_relation(relation, tmp_path / "relation.png")
    attention = np.random.default_rng(0).random((8, 4, parts)).astype("float32")
    picture = tmp_path / "picture.png"
    Image.new("RGB", (16, 32), "grey").save(picture)
    images.part_attention(picture, [attention], tmp_path / "attention.jpg")
    with Image.open(tmp_path / "relation.png") as drawn, Image.open(tmp_path / "attention.jpg") as row:
        assert drawn.width > 100 and row.width == (1 + parts) * (images.WIDTH + 2 * images.FRAME + images.GAP)
    assert len({tuple(colour) for colour in images.part_colours(parts)}) == parts
