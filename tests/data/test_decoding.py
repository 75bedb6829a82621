import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.decoding import load_image, load_masks
from iaunet_tf.errors import InputError


@pytest.fixture
def gradient():
    y, x = np.mgrid[:128, :64]
    return np.stack([2 * y % 256, 4 * x % 256, (x + y) % 256], -1).astype("uint8")


def test_reads_rgb_as_it_is(tmp_path, gradient):
    Image.fromarray(gradient).save(tmp_path / "a.png")
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), gradient)


def test_converts_grey_palette_alpha_cmyk_and_16_bits(tmp_path):
    grey = np.tile(np.arange(64, dtype="uint8") * 4, (32, 1))
    rgb = np.repeat(grey[..., None], 3, -1)
    files = {
        "grey.png": Image.fromarray(grey),
        "bits.png": Image.fromarray(grey.astype("uint16") * 257),
        "alpha.png": Image.fromarray(np.dstack([rgb, np.full_like(grey, 255)])),
        "palette.png": Image.fromarray(rgb).quantize(256),
        "cmyk.jpg": Image.fromarray(rgb).convert("CMYK"),
    }
    for name, picture in files.items():
        picture.save(tmp_path / name)
        loaded = load_image(tmp_path / name)
        assert loaded.shape == (32, 64, 3) and loaded.dtype == "uint8", name
        assert np.abs(loaded.astype(int) - rgb).max() <= (8 if name == "cmyk.jpg" else 1), name


def test_resize_is_pillows_bicubic(tmp_path, gradient):
    Image.fromarray(gradient).save(tmp_path / "a.png")
    expected = Image.fromarray(gradient).resize((40, 100), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png", (100, 40)), expected)


def test_unreadable_files_are_named(tmp_path, gradient):
    whole = tmp_path / "whole.jpg"
    Image.fromarray(gradient).save(whole)
    (tmp_path / "cut.jpg").write_bytes(whole.read_bytes()[:-700])
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    for name in ("cut.jpg", "text.jpg", "empty.jpg"):
        with pytest.raises(InputError, match=f"{name}: not a readable image"):
            load_image(tmp_path / name)
    with pytest.raises(InputError, match=r"gone.jpg: no such file"):
        load_image(tmp_path / "gone.jpg")


def test_masks(tmp_path):
    for k, part in enumerate(("head", "upper_clothes", "lower_clothes", "shoes")):
        mask = np.zeros((128, 64), bool)
        mask[32 * k : 32 * (k + 1)] = True
        Image.fromarray(mask).save(tmp_path / f"{part}.png")
    masks = load_masks(tmp_path, (256, 128), (128, 64))
    assert masks.shape == (256, 128, 4)
    for k in range(4):
        assert (masks[64 * k + 4 : 64 * k + 60, :, k] == 255).all()
        assert masks[..., k].mean() == pytest.approx(255 / 4, rel=0.02)
    with pytest.raises(InputError, match=r"head.png: is 128x64, but its image is 128x128"):
        load_masks(tmp_path, (256, 128), (128, 128))
    (tmp_path / "shoes.png").unlink()
    assert load_masks(tmp_path, (256, 128), (128, 64)) is None
