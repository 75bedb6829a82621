import io
import os
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from iaunet_tf.data.dataset import Subset
from iaunet_tf.data.decoding import load_image, load_masks, load_with_masks
from iaunet_tf.data.sources import open_source
from iaunet_tf.errors import InputError
from iaunet_tf.inference.inputs import picture_pixels


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


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_resize_is_pillows(tmp_path, gradient, interpolation):
    Image.fromarray(gradient).save(tmp_path / "a.png")
    expected = Image.fromarray(gradient).resize((40, 100), Image.Resampling[interpolation.upper()])
    np.testing.assert_array_equal(load_image(tmp_path / "a.png", (100, 40), interpolation=interpolation), expected)


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


def oriented(picture, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_images_are_upright_from_files_bytes_and_pil(tmp_path, gradient, kind):
    picture = Image.fromarray(gradient)
    for orientation in range(10):
        path = tmp_path / f"{orientation}.{kind.lower()}"
        picture.save(path, kind, exif=oriented(picture, orientation))
        expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
        assert expected.shape[:2] == ((64, 128) if 5 <= orientation <= 8 else (128, 64))
        with path.open("rb") as file:
            for given in (path, file, Image.open(path)):
                np.testing.assert_array_equal(load_image(given), expected)
        for given in (path, str(path), path.read_bytes(), Image.open(path)):
            np.testing.assert_array_equal(picture_pixels(given, (60, 20)), load_image(path, (60, 20)))


def test_16_bits_are_turned_as_well(tmp_path):
    grey = np.arange(32 * 64, dtype="uint16").reshape(32, 64) * 32
    picture = Image.fromarray(grey)
    picture.save(tmp_path / "a.png", exif=oriented(picture, 6))
    np.testing.assert_array_equal(load_image(tmp_path / "a.png")[..., 0], np.rot90((grey / 257).round(), -1))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("damage", [b"", b"Exif", b"Exif\0\0", b"II*\0\xff\xff\xff\xff", 40 * b"\xff"])
def test_damaged_exif_is_none(tmp_path, gradient, damage):
    Image.fromarray(gradient).save(tmp_path / "a.png")
    file = io.BytesIO()
    Image.fromarray(gradient).save(file, "JPEG", exif=b"Exif\0\0" + damage)
    plain = io.BytesIO()
    Image.fromarray(gradient).save(plain, "JPEG")
    np.testing.assert_array_equal(load_image(file), load_image(plain))


def test_masks_belong_to_the_upright_image(tmp_path, gradient):
    picture = Image.fromarray(gradient)
    picture.save(tmp_path / "a.jpg", exif=oriented(picture, 6))  # 64x128 when upright
    for size in ((64, 128), (128, 64)):
        for part in ("head", "upper_clothes", "lower_clothes", "shoes"):
            Image.new("L", size[::-1], 255).save(tmp_path / f"{part}.png")
        if size == (64, 128):
            pixels, masks = load_with_masks(tmp_path / "a.jpg", tmp_path, size)
            np.testing.assert_array_equal(pixels, load_image(tmp_path / "a.jpg", size))
            assert masks.shape == (*size, 4) and (masks == 255).all()
        else:
            with pytest.raises(InputError, match=r"head.png: is 128x64, but its image is 64x128"):
                load_with_masks(tmp_path / "a.jpg", tmp_path, size)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16", "I;16B"])
def test_every_mode_shows_what_it_holds(mode):
    grey = np.tile(np.arange(64, dtype="uint8") * 4, (32, 1))
    if mode.startswith("I;16"):
        picture = Image.frombytes(mode, (64, 32), (grey.astype("<u2" if mode == "I;16" else ">u2") * 257).tobytes())
    else:
        picture = Image.fromarray(grey).convert("RGB")
        picture = (picture.quantize(256) if mode[0] == "P" else picture).convert(mode)
    got = picture_pixels(picture, (32, 64))
    assert np.abs(got.mean() - grey.mean()) < 8, mode
    assert mode == "1" or np.abs(got[..., 0].astype(int) - grey).max() < 16, mode


@pytest.mark.parametrize("kind", ["F", "I", "float.tiff", "ints.tiff"])
def test_an_unknown_range_is_refused(tmp_path, kind):
    picture = Image.new("F" if kind[0] in "Ff" else "I", (20, 30), 200)
    if "." in kind:
        picture.save(tmp_path / kind)
        with pytest.raises(InputError, match=rf"{kind}: the range of pixels of 32 bits"):
            load_image(tmp_path / kind)
    with pytest.raises(InputError, match="is not known; convert them to 8 bits"):
        picture_pixels(picture, (30, 20))


def test_16_bit_pgm(tmp_path):
    values = np.full((4, 4), 257 * 100, ">u2")
    (tmp_path / "a.pgm").write_bytes(b"P5 4 4 65535\n" + values.tobytes())
    assert (load_image(tmp_path / "a.pgm") == 100).all()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "content",
    [
        b"II*\0" + struct.pack("<L", 8) + b"\xff" * 90,
        b"MM\0*" + struct.pack(">L", 1 << 30),
        b"GIF89a" + b"\xff" * 20,
        b"BM" + b"\xff" * 60,
        b"RIFF\xff\0\0\0WEBPVP8 " + b"\0" * 30,
        b"P6 99999999 99999999 255\n",
        b"P5 -3 x",
        b"\x89PNG\r\n\x1a\n" + struct.pack(">L", 13) + b"IHDR" + struct.pack(">LL", 60000, 60000) + b"\x08\2\0\0\0",
        b"\xff\xd8\xff\xe1\0\1",
        b"\xff\xd8\xff\xc0" + b"\0" * 30,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"\0\0\1\0" + b"\1" * 40,
        b"SIMPLE  =                    T" + b" " * 60,
        b"\0" * 100,
    ],
)
def test_damaged_files_of_every_kind_are_one_line(tmp_path, content):
    for part in ("head", "upper_clothes", "lower_clothes", "shoes"):
        (tmp_path / f"{part}.png").write_bytes(content)
    with pytest.raises(InputError, match=r"^\S+head.png: not a readable image \(.+\)$"):
        load_image(tmp_path / "head.png")
    with pytest.raises(InputError, match=r"head.png: not a readable image"):
        load_masks(tmp_path, (20, 10), (20, 10))
    with pytest.raises(InputError, match=r"^not a readable image"):
        picture_pixels(content, (20, 10))


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name, message in (("pipe.jpg", "is not a file"), ("folder.jpg", "is not a file"), ("a\0b.jpg", "no such file")):
        with pytest.raises(InputError, match=message):
            load_image(tmp_path / name)


@pytest.mark.parametrize("on_corrupt", ["error", "skip"])
def test_an_image_that_becomes_unreadable_after_the_check(tmp_path, gradient, on_corrupt):
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        Image.fromarray(gradient).save(path)
    source = open_source(Subset.of_images("train", paths, [1, 2, 3], [1, 1, 1]), (20, 10), on_corrupt=on_corrupt)
    paths[1].unlink()
    with pytest.raises(
        InputError, match=r"1.png: no such file; it was readable when the images were checked: start again"
    ):
        source.read(np.arange(3))


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (1, 1)])
def test_slivers_are_refused(tmp_path, shape):
    Image.new("RGB", shape[::-1]).save(tmp_path / "a.png")
    with pytest.raises(
        InputError, match=rf"a.png: an image needs at least 2x2 pixels; this one has {shape[0]}x{shape[1]}"
    ):
        load_image(tmp_path / "a.png")
