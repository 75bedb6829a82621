import numpy as np
import pytest

from iaunet_tf.data.augmentation import epoch_augmentation
from iaunet_tf.data.sampling import Share, check_batches, epoch_order, groups_per_epoch
from iaunet_tf.errors import InputError

LABELS = np.repeat([0, 1, 2, 3], [9, 1, 4, 6])  # 2 + 1 + 1 + 1 groups of 4


def test_epoch_consists_of_groups_of_one_person():
    order = epoch_order(LABELS, 4, 4, seed=0, epoch=0)
    assert len(order) == 20
    groups = LABELS[order].reshape(-1, 4)
    assert (groups == groups[:, :1]).all()
    assert sorted(groups[:, 0]) == [0, 0, 1, 2, 3]


def test_images_come_once_unless_a_person_has_too_few():
    order = epoch_order(LABELS, 4, 4, seed=0, epoch=0)
    counts = np.bincount(order, minlength=len(LABELS))
    assert counts[9] == 4  # person 1 has one image
    assert counts[np.arange(len(LABELS)) != 9].max() == 1


def test_short_batches_are_dropped():
    assert len(epoch_order(LABELS, 8, 4, seed=0, epoch=0)) == 16
    assert check_batches(LABELS, 8, 4) == 2
    assert groups_per_epoch(LABELS, 4) == 5


def test_epochs_differ_and_can_be_replayed():
    first, again, second, other = (
        epoch_order(LABELS, 4, 4, seed, epoch) for seed, epoch in [(0, 0), (0, 0), (0, 1), (1, 0)]
    )
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()
    assert (first != other).any()


def test_every_image_has_its_turn():
    seen = np.unique([epoch_order(LABELS, 4, 4, 0, epoch) for epoch in range(30)])
    assert len(seen) == len(LABELS)


@pytest.mark.parametrize("hosts", [2, 3])
def test_hosts_with_people_of_their_own(hosts):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(30), 9)) * 7  # gaps are allowed
    size = 4 * hosts * 2
    order = epoch_order(labels, size, 4, seed=0, epoch=0, hosts=hosts)
    assert len(order) == check_batches(labels, size, 4, hosts) * size == 30 // hosts * size  # two groups of a person
    people = []
    for worker in range(hosts):
        own = labels[order[Share(worker=worker, workers=hosts).places(len(order), size)]]
        assert (own.reshape(-1, 4) == own[::4, None]).all()
        people.append(set(own))
    assert sum(map(len, people)) == len(set.union(*people))
    assert len(np.unique(order)) == len(order)


def test_bad_batches_are_named():
    with pytest.raises(InputError, match=r"batch_size 6 is not a multiple of train.group_size 4"):
        check_batches(LABELS, 6, 4)
    with pytest.raises(InputError, match="the 4 people make 5 groups of 4 images, a batch of 24 needs 6"):
        check_batches(LABELS, 24, 4)


def test_augmentation_has_the_recipes_frequencies_and_bounds():
    flips, boxes = epoch_augmentation(20_000, (256, 128), seed=0, epoch=3)
    assert flips.mean() == pytest.approx(0.5, abs=0.02)
    top, left, bottom, right = boxes.T
    erased = bottom > top
    assert erased.mean() == pytest.approx(0.5, abs=0.02)
    assert (boxes[~erased] == 0).all()
    assert (top >= 0).all() and (left >= 0).all() and (bottom <= 256).all() and (right <= 128).all()
    area = ((bottom - top) * (right - left))[erased] / (256 * 128)
    assert 0.019 < area.min() < 0.03 and 0.35 < area.max() < 0.405
    aspect = ((bottom - top) / np.maximum(right - left, 1))[erased]
    assert 0.27 < aspect.min() < 0.35 and 3.1 < aspect.max() < 3.7


def test_augmentation_can_be_replayed_and_switched_off():
    again = [epoch_augmentation(100, (64, 32), 5, 7) for _ in range(2)]
    np.testing.assert_array_equal(again[0][0], again[1][0])
    np.testing.assert_array_equal(again[0][1], again[1][1])
    flips, boxes = epoch_augmentation(100, (64, 32), 5, 7, flip=0, erase=0)
    assert not flips.any() and not boxes.any()


@pytest.mark.parametrize("epoch", range(3))
def test_balanced_epochs_show_everybody_equally_often(epoch):
    labels = np.repeat([0, 1, 2, 3], [40, 1, 4, 7])  # 10 + 1 + 1 + 1 groups
    order = epoch_order(labels, 4, 4, 0, epoch, balanced=True)
    assert len(order) == len(epoch_order(labels, 4, 4, 0, epoch)) == 52
    groups = labels[order].reshape(-1, 4)
    assert (groups == groups[:, :1]).all()
    counts = np.bincount(groups[:, 0])
    assert counts.sum() == 13 and set(counts) == {3, 4}
    own = order[labels[order] == 0]
    assert len(set(own)) == len(own)  # of many images, none comes twice
    np.testing.assert_array_equal(order, epoch_order(labels, 4, 4, 0, epoch, balanced=True))


def test_cameras_are_spread_within_groups():
    labels, cameras = np.repeat(np.arange(20), 12), np.tile(np.repeat(np.arange(3), 4), 20)  # four in each camera
    order = epoch_order(labels, 9, 3, 0, 0, cameras=cameras)
    assert (np.sort(cameras[order].reshape(-1, 3), axis=1) == [0, 1, 2]).all()
    assert len(set(order)) == len(order)
    plain = epoch_order(labels, 9, 3, 0, 0)
    assert not (np.sort(cameras[plain].reshape(-1, 3), axis=1) == [0, 1, 2]).all()


def test_few_images_and_one_camera_are_no_trouble_for_spreading():
    order = epoch_order(LABELS, 4, 4, 0, 0, cameras=np.zeros(len(LABELS), int))
    assert len(order) == 20 and set(LABELS[order]) == {0, 1, 2, 3}
