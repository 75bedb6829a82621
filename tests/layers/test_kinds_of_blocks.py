"""Parts of IAU blocks, alone: the paper's ablation."""

import keras
import numpy as np
import pytest

from iaunet_tf import IAUNet, build_network
from iaunet_tf.blocks import placed
from iaunet_tf.errors import InputError
from iaunet_tf.layers import IAUBlock
from iaunet_tf.layers.spatial_temporal_iau import part_graph
from iaunet_tf.weights import load_weights, save_weights

CLIP = np.random.default_rng(0).normal(size=(2, 3, 4, 2, 8)).astype("float32")


def block(kind, shape=CLIP.shape, **options):
    """A block that is not the identity."""
    keras.utils.set_random_seed(0)
    made = IAUBlock(kind=kind, **options)
    made.build(shape)
    for weight in made.trainable_weights:
        if "gamma" in weight.path:
            weight.assign(np.random.default_rng(len(weight.path)).uniform(0.5, 1, weight.shape))
    return made


def take(target, source):
    """Gives a part of a block the weights of the whole one's."""
    for name in ("channel", "spatial_temporal"):
        if getattr(target, name) is not None:
            getattr(target, name).set_weights(getattr(source, name).get_weights())
    return target


def test_channel_then_spatial_temporal_is_the_whole_block():
    whole = block("iau")
    channel, rest = (take(block(kind), whole) for kind in ("channel", "spatial_temporal"))
    expected, attention = whole(CLIP)
    found, maps = rest(channel(CLIP))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(maps, attention, atol=1e-6)
    assert np.abs(np.array(expected) - CLIP).max() > 0.1


def test_edges_by_hand():
    nodes = [(frame, part) for frame in range(3) for part in range(4)]
    spatial = [[a[0] == b[0] and a[1] != b[1] for b in nodes] for a in nodes]
    temporal = [[a[0] != b[0] and a[1] == b[1] for b in nodes] for a in nodes]
    np.testing.assert_array_equal(part_graph(3, 4, "spatial"), spatial)
    np.testing.assert_array_equal(part_graph(3, 4, "temporal"), temporal)
    np.testing.assert_array_equal(part_graph(3, 4), np.array(spatial) | temporal)


@pytest.mark.parametrize("kind", ["spatial", "temporal"])
def test_relations_are_where_there_are_edges(kind):
    relations = np.array(block(kind).relations(CLIP))
    assert (relations[:, ~np.array(part_graph(3, 4, kind))] == 0).all()
    np.testing.assert_allclose(relations.sum(-1), 1, rtol=1e-5)


def test_in_images_spatial_is_spatial_temporal_and_there_is_nothing_temporal():
    image = CLIP[:, 0]
    spatial = block("spatial", image.shape)
    both = take(block("spatial_temporal", image.shape), spatial)
    np.testing.assert_array_equal(spatial(image)[0], both(image)[0])
    with pytest.raises(InputError, match="relates frames of clips, and got single images"):
        block("temporal", image.shape)


@pytest.mark.parametrize("kind", ["channel", "spatial", "temporal", "spatial_temporal"])
@pytest.mark.parametrize("parts", [1, 6])
def test_saved_and_loaded(kind, parts, tmp_path):
    inputs = keras.Input(CLIP.shape[1:])
    made = block(kind, parts=parts)
    model = keras.Model(inputs, made(inputs))
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    ours, theirs = (keras.tree.flatten(each(CLIP)) for each in (model, again))
    assert len(ours) == (1 if kind == "channel" else 2)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)
        assert mine.shape[-1] in (8, parts)


def test_places_and_kinds_in_words():
    assert placed(["layer2", "layer3=channel"], "iau") == {"layer2": "iau", "layer3": "channel"}
    with pytest.raises(InputError, match="no block 'chanel'; there are iau, ia, channel"):
        placed(["layer2=chanel"], "iau")
    with pytest.raises(InputError, match="layer2 has two blocks"):
        placed(["layer2", "layer2=ia"], "iau")


SHAPE = (64, 32, 3)


def test_blocks_to_order_in_iaunet(tmp_path):
    model = IAUNet(
        4, SHAPE, width=0.125, depths=(1, 1, 1, 1), blocks=["layer1=channel", "layer3=spatial", "layer4"], parts=6
    )
    outputs = {name: tuple(output.shape[1:]) for name, output in model.output.items()}
    assert outputs["part_attention_1"] == (4, 2, 6) and outputs["part_attention_2"] == (4, 2, 6)
    assert "part_attention_3" not in outputs
    save_weights(model, tmp_path / "a.safetensors")
    again = IAUNet(
        4, SHAPE, width=0.125, depths=(1, 1, 1, 1), blocks=["layer1=channel", "layer3=spatial", "layer4"], parts=6
    )
    load_weights(again, tmp_path / "a.safetensors", say=lambda text: None)
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # Without its blocks it is the file's backbone with new ones.
    other, said = IAUNet(4, SHAPE, width=0.125, depths=(1, 1, 1, 1), blocks=["layer2"]), []
    load_weights(other, tmp_path / "a.safetensors", say=said.append)
    assert "start anew: blocks" in said[0]
    with pytest.raises(InputError, match="iaunet has no place 'layer5' for a block; it has layer1"):
        IAUNet(4, SHAPE, blocks=["layer5"])


def test_blocks_to_order_in_other_networks():
    model = build_network("osnet_x0_25", 4, SHAPE, blocks=["conv2=channel", "conv3"])
    assert model.get_layer("conv2_channel").kind == "channel" and model.get_layer("conv3_iau").kind == "iau"
    assert [name for name in model.output if name.startswith("part")] == ["part_attention_1"]


@pytest.mark.parametrize("make", ["iaunet", "osnet_x0_25", "bagtricks_R50"])
def test_heads_to_order(make):
    def built(**options):
        if make == "iaunet":
            return IAUNet(4, SHAPE, width=0.125, depths=(1, 1, 1, 1), block=None, **options)
        return build_network(make, 4, SHAPE, **options)

    size = built().output["embedding"].shape[-1]
    wide = built(dimension=24, pooling="learned_gem")
    assert wide.output["embedding"].shape[-1] == 24 != size
    behind, before = built(neck=True), built(neck=False)
    assert {"embedding", "before_neck", "logits"} <= set(behind.output)
    if make != "osnet_x0_25":
        assert {"embedding", "after_neck", "logits"} <= set(before.output)
        before.set_weights(behind.get_weights())
        x = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype("float32")
        ours, theirs = behind(x), before(x)
        np.testing.assert_array_equal(ours["embedding"], theirs["after_neck"])
        np.testing.assert_array_equal(ours["before_neck"], theirs["embedding"])
        np.testing.assert_array_equal(ours["logits"], theirs["logits"])
    with pytest.raises(InputError, match="centres must be one of embedding"):
        built(centres="logits")


@pytest.mark.parametrize(
    ("make", "block_names", "head"),
    [
        (
            lambda: IAUNet(4, SHAPE, width=0.125, depths=(1, 1, 1, 1), centres="embedding"),
            ("iau2/", "iau3/"),
            ("embedding/", "classifier/", "centres/"),
        ),
        (
            lambda: build_network("osnet_x0_25", 4, SHAPE, blocks=["conv2"]),
            ("conv2_iau/",),
            ("fc.0/", "fc.1/", "classifier/"),
        ),
        (
            lambda: build_network("MobileNetV3Small", 4, SHAPE, blocks=["expanded_conv_project_bn"]),
            ("expanded_conv_project_bn_iau/",),
            ("embedding/", "classifier/"),
        ),
    ],
)
def test_the_backbone_is_what_is_in_front_of_the_head_without_blocks(make, block_names, head):
    model = make()
    backbone = {variable.path for layer in model.backbone_layers() for variable in layer.weights}
    others = {variable.path for variable in model.weights} - backbone
    assert len(backbone) > 50
    assert all(any(name in path for name in (*block_names, *head)) for path in others), others
    assert {name for name in (*block_names, *head) if any(name in path for path in others)} == {*block_names, *head}
