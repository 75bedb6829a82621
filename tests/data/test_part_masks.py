import numpy as np
from PIL import Image

from iaunet_tf.commands import main
from iaunet_tf.data.decoding import load_masks
from iaunet_tf.data.part_masks import LIP, prior_masks


def test_label_maps_become_the_tree_that_training_reads(tmp_path, capsys):
    labels = np.repeat(np.arange(20, dtype="uint8")[:, None], 8, axis=1)  # a row a class
    for name in ("a.png", "bbox_train/0001/b.png"):
        (tmp_path / "labels" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(labels).save(tmp_path / "labels" / name)
    assert main(["data", "masks", str(tmp_path / "labels"), str(tmp_path / "masks")]) == 0
    assert "2 images" in capsys.readouterr().out
    for name in ("a", "bbox_train/0001/b"):
        masks = load_masks(tmp_path / "masks" / name, (20, 8), (20, 8))
        assert masks.shape == (20, 8, 4)
        np.testing.assert_array_equal(np.flatnonzero(masks[:, 0, 0]), [1, 2, 4, 13])  # hat, hair, sunglasses, face
        np.testing.assert_array_equal(np.flatnonzero(masks[:, 0, 3]), [18, 19])
        # Every class but the background is in exactly one part.
        np.testing.assert_array_equal(masks.sum(axis=-1)[:, 0] // 255, [0] + [1] * 19)
    assert sum(len(classes) for classes in LIP.values()) == 19


def test_new_label_maps_take_the_place_of_old_ones(tmp_path):
    (tmp_path / "labels").mkdir()
    for label, part in ((13, "head"), (5, "upper_clothes")):
        Image.fromarray(np.full((4, 4), label, "uint8")).save(tmp_path / "labels" / "a.png")
        assert main(["data", "masks", str(tmp_path / "labels"), str(tmp_path / "masks")]) == 0
        assert np.asarray(Image.open(tmp_path / "masks" / "a" / f"{part}.png")).all()
    assert not np.asarray(Image.open(tmp_path / "masks" / "a" / "head.png")).any()


def test_folders_that_are_none(tmp_path, capsys):
    Image.fromarray(np.ones((4, 4), bool)).save(tmp_path / "a.png")
    Image.fromarray(np.ones((4, 4), "uint8")).save(tmp_path / "a.PNG")
    for labels, out, message in (
        ("gone", "masks", "gone: no such folder"),
        (".", "a.png", "a.png: is a file"),
        (".", "masks", "several label maps for a"),
    ):
        assert main(["data", "masks", str(tmp_path / labels), str(tmp_path / out)]) == 1
        assert message in capsys.readouterr().err
    (tmp_path / "a.PNG").unlink()
    assert main(["data", "masks", str(tmp_path), str(tmp_path / "masks")]) == 1
    assert "its kind bool" in capsys.readouterr().err


def test_mistakes(tmp_path, capsys):
    assert main(["data", "masks", str(tmp_path), str(tmp_path / "masks")]) == 1
    assert "contains no label maps" in capsys.readouterr().err
    Image.fromarray(np.full((4, 4), 24, "uint8")).save(tmp_path / "a.png")
    assert main(["data", "masks", str(tmp_path), str(tmp_path / "masks")]) == 1
    assert "a.png: not a label map of LIP's 20 classes: it has class 24" in capsys.readouterr().err
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert main(["data", "masks", str(tmp_path), str(tmp_path / "masks")]) == 1
    assert "its shape is (4, 4, 3)" in capsys.readouterr().err
    (tmp_path / "a.png").write_bytes(b"nothing")
    assert main(["data", "masks", str(tmp_path), str(tmp_path / "masks")]) == 1
    assert "a.png: not a readable image" in capsys.readouterr().err
    assert not (tmp_path / "masks").exists()


def test_prior_is_a_person_upright_and_symmetric():
    masks = prior_masks(64, 32)
    assert masks.shape == (64, 32, 4) and masks.dtype == "float32"
    assert masks.min() >= 0 and masks.max() <= 1
    np.testing.assert_allclose(masks, masks[:, ::-1], atol=1e-6)
    rows = np.arange(64)[:, None, None]
    heights = (masks * rows).sum(axis=(0, 1)) / masks.sum(axis=(0, 1))
    assert (np.diff(heights) > 8).all()  # head, upper body, lower body, shoes
    assert (masks[:, 16].max(axis=0) > 0.5).all() and masks[:, 0].max() < 0.1
    assert masks.sum(axis=-1).max() < 1.2  # parts hardly overlap
