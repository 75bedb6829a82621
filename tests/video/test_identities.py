"""Who is seen in tracklets, against cases that are worked out by hand."""

import numpy as np
import pytest

from iaunet_tf.video.identities import identify
from iaunet_tf.video.tracklets import Tracklet, read_tracklets, write_tracklets

THRESHOLD = 0.3


def at(degrees):
    """An embedding in the plane; the distance of two is 1 - cos of the angle between them."""
    angle = np.radians(degrees)
    return np.array([np.cos(angle), np.sin(angle)], "float32")


def seen(camera, track, start, end, degrees):
    vector = None if degrees is None else at(degrees)
    return Tracklet(camera, track, 1, 2, start, end, 10, embedding=vector)


def groups(tracklets):
    found = {}
    for place, each in enumerate(tracklets):
        found.setdefault(each.identity, set()).add(place)
    return {frozenset(places) for name, places in found.items() if name is not None}


def test_near_tracklets_are_one_person():
    tracklets = [seen("a", 1, 0, 5, 0), seen("b", 1, 10, 15, 10), seen("a", 2, 20, 25, 90), seen("b", 2, 30, 35, 95)]
    identify(tracklets, THRESHOLD)
    assert groups(tracklets) == {frozenset({0, 1}), frozenset({2, 3})}
    assert [each.identity for each in tracklets] == ["person 1", "person 1", "person 2", "person 2"]
    assert tracklets[0].distance == pytest.approx(1 - np.cos(np.radians(10)), abs=1e-6)
    assert tracklets[0].rival == "person 2"
    assert tracklets[1].rival_distance == pytest.approx(1 - np.cos(np.radians(80)), abs=1e-6)
    assert not any(each.known for each in tracklets)


def test_a_chain_is_cut_where_the_average_is_too_far():
    # 0, 40 and 80 degrees: neighbours are at 0.234, the ends at 0.826; the average of 80 to the others is 0.530.
    tracklets = [seen("a", n, 10 * n, 10 * n + 5, degrees) for n, degrees in enumerate((0, 39, 80))]
    identify(tracklets, THRESHOLD)
    assert groups(tracklets) == {frozenset({0, 1}), frozenset({2})}
    assert tracklets[2].distance is None and tracklets[2].rival == "person 1"


def test_the_threshold_itself_is_somebody_else():
    tracklets = [seen("a", 1, 0, 5, 0), seen("b", 1, 10, 15, 90)]
    distance = 1 - float(at(0).astype("float64") @ at(90).astype("float64"))
    identify(tracklets, distance)
    assert len(groups(tracklets)) == 2
    identify(tracklets, distance + 1e-6)
    assert len(groups(tracklets)) == 1


@pytest.mark.parametrize(
    ("other", "times", "apart", "people"),
    [
        ("a", (3, 8), (), 2),  # two places in one picture
        ("a", (5, 8), (), 2),  # even for a moment
        ("a", (6, 8), (), 1),
        ("b", (3, 8), (), 1),  # two cameras may see one place
        ("b", (3, 8), None, 2),
        ("b", (3, 8), {frozenset("ab")}, 2),
        ("b", (3, 8), {frozenset("ac")}, 1),
        ("b", (6, 8), None, 1),
    ],
)
def test_nobody_is_in_two_places_at_once(other, times, apart, people):
    tracklets = [seen("a", 1, 0, 5, 0), seen(other, 2, *times, 0)]
    identify(tracklets, THRESHOLD, apart=apart)
    assert len(groups(tracklets)) == people


def test_what_is_impossible_for_one_is_so_for_the_person():
    # 1 and 2 are together; 3 looks like both, a little more like 1.
    tracklets = [seen("a", 1, 0, 5, 0), seen("a", 2, 0, 5, 12), seen("a", 3, 10, 15, 5)]
    identify(tracklets, THRESHOLD)
    assert groups(tracklets) == {frozenset({0, 2}), frozenset({1})}


def test_the_order_does_not_matter():
    rng = np.random.default_rng(0)
    tracklets = [seen("ab"[n % 2], n, *sorted(rng.uniform(0, 60, 2)), rng.uniform(0, 360)) for n in range(40)]
    identify(tracklets, THRESHOLD)
    names = {each.track: each.identity for each in tracklets}
    shuffled = [tracklets[place] for place in rng.permutation(40)]
    identify(shuffled, THRESHOLD)
    assert {each.track: each.identity for each in shuffled} == names


def test_tracklets_without_pictures_are_nobody():
    tracklets = [seen("a", 1, 0, 5, None), seen("a", 2, 10, 15, 3)]
    identify(tracklets, THRESHOLD)
    assert tracklets[0].identity is None and tracklets[0].distance is None
    assert tracklets[1].identity == "person 1" and tracklets[1].distance is None and tracklets[1].rival is None
    identify([], THRESHOLD)
    identify(tracklets[:1], THRESHOLD)


class TestGallery:
    @pytest.fixture
    def gallery(self, tmp_path):
        pytest.importorskip("pymilvus")
        from iaunet_tf.gallery import Entry, Gallery

        with Gallery(tmp_path / "people.db", ("ab" * 32, 2)) as gallery:
            names = ("Ada", "Ada", "Ben", None, "person 1")
            entries = [Entry(id=str(n), identity=name) for n, name in enumerate(names)]
            gallery.add(entries, np.stack([at(degrees) for degrees in (0, 5, 60, 180, 270)]))
            yield gallery

    def test_known_people(self, gallery):
        tracklets = [
            seen("a", 1, 0, 5, 8),
            seen("b", 1, 10, 15, 62),
            seen("a", 2, 20, 25, 182),
            seen("b", 2, 30, 35, 179),
        ]
        identify(tracklets, THRESHOLD, gallery)
        # Somebody without a name is new; the name of person 1 is taken.
        assert [each.identity for each in tracklets] == ["Ada", "Ben", "person 2", "person 2"]
        assert [each.known for each in tracklets] == [True, True, False, False]
        assert tracklets[0].distance == pytest.approx(1 - np.cos(np.radians(3)), abs=1e-6)
        assert tracklets[0].rival == "Ben"
        assert len(gallery) == 5

    def test_one_known_person_is_not_in_two_places(self, gallery):
        tracklets = [seen("a", 1, 0, 5, 8), seen("a", 2, 3, 9, 4)]
        identify(tracklets, THRESHOLD, gallery)
        assert sorted(each.identity for each in tracklets) == ["Ada", "person 2"]

    def test_two_known_people_do_not_become_one(self, gallery):
        # Between Ada and Ben, and near both.
        tracklets = [seen("a", 1, 0, 5, 32), seen("a", 2, 10, 15, 33)]
        identify(tracklets, 1.0, gallery)
        assert {each.identity for each in tracklets} in ({"Ada"}, {"Ben"})


def test_kept_tracklets_are_the_same(tmp_path):
    crops = [(3, str(tmp_path / "crops" / "a.jpg")), (9, str(tmp_path / "crops" / "b.jpg"))]
    tracklets = [seen("a", 1, 0.1, 5, 8), seen("b", 2, 3, 4, None)]
    tracklets[0].crops = crops
    write_tracklets(tmp_path / "t.npz", tracklets, tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "t.npz").rename(tmp_path / "other" / "t.npz")  # a run's folder may be moved
    first, second = read_tracklets(tmp_path / "other" / "t.npz", tmp_path / "other")
    np.testing.assert_array_equal(first.embedding, tracklets[0].embedding)
    assert first.crops[1] == (9, str(tmp_path / "other" / "crops" / "b.jpg"))
    assert (first.start, first.track, first.camera) == (0.1, 1, "a") and second.embedding is None
