"""What is known of the public data sets: their names, and the conditions of their use."""

from collections.abc import Sequence
from dataclasses import dataclass

from iaunet_tf.data.readers.table import READERS


@dataclass(frozen=True)
class DataTerms:
    """A data set, and under which conditions its authors give it.

    Attributes:
        title: its name.
        conditions: those of its use, in a sentence.
        source: where it comes from.
        public: whether others can know it by that name.
        real: whether it shows people, rather than drawings.
        withdrawn: whether its authors have taken it back.
    """

    title: str
    conditions: str
    source: str = ""
    public: bool = True
    real: bool = True
    withdrawn: bool = False


def _duke(title, source):
    conditions = (
        "Withdrawn: it is made from DukeMTMC (CC BY-NC-SA 4.0), which Duke University took offline in April 2019, "
        "since it had been filmed and published against the approved protocol. It should not be used."
    )
    return DataTerms(title, conditions, source, withdrawn=True)


def _cuhk03(title):
    conditions = "For academic, non-commercial research, under the conditions of The Chinese University of Hong Kong."
    return DataTerms(title, conditions, "Li et al., CVPR 2014")


AGREEMENT = "For academic, non-commercial research, by a signed release agreement; not to be passed on."
NO_TEXT = "Given by its authors for research, without the text of a licence: ask them before any other use."
OWN = "Not known here: who publishes the network has to say where they are from, and on which ground they are used."
DRAWN = "Drawn by iaunet-tf; shows nobody."
DATASETS = {
    "market1501": DataTerms("Market-1501", NO_TEXT, "Zheng et al., ICCV 2015"),
    "msmt17": DataTerms("MSMT17", AGREEMENT, "Wei et al., CVPR 2018"),
    "cuhk03_detected": _cuhk03("CUHK03 (detected boxes, new protocol)"),
    "cuhk03_labeled": _cuhk03("CUHK03 (labelled boxes, new protocol)"),
    "cuhk03_classic_detected": _cuhk03("CUHK03 (detected boxes, classic protocol)"),
    "cuhk03_classic_labeled": _cuhk03("CUHK03 (labelled boxes, classic protocol)"),
    "dukemtmc_reid": _duke("DukeMTMC-reID", "Ristani et al., ECCV workshops 2016; Zheng et al., ICCV 2017"),
    "occluded_duke": _duke("Occluded-Duke", "Ristani et al., ECCV workshops 2016; Miao et al., ICCV 2019"),
    "dukemtmc_videoreid": _duke("DukeMTMC-VideoReID", "Ristani et al., ECCV workshops 2016; Wu et al., CVPR 2018"),
    "mars": DataTerms("MARS", NO_TEXT, "Zheng et al., ECCV 2016"),
    "ls_vid": DataTerms("LS-VID", AGREEMENT, "Li et al., ICCV 2019"),
    "ilids_vid": DataTerms(
        "iLIDS-VID",
        "For research; made from i-LIDS videos of the UK Home Office, whose end-user licence holds.",
        "Wang et al., ECCV 2014",
    ),
    "prid2011": DataTerms("PRID 2011", NO_TEXT, "Hirzer et al., SCIA 2011"),
    "synthetic": DataTerms("synthetic (drawn pedestrians)", DRAWN, public=False, real=False),
    "synthetic_tracklets": DataTerms("synthetic tracklets (drawn pedestrians)", DRAWN, public=False, real=False),
    "own": DataTerms("images of its publisher's own", OWN, public=False),
    "unlabelled": DataTerms("images of its publisher's own, without labels", OWN, public=False),
    "folders": DataTerms("labelled images of its publisher's own", "Not known here.", public=False),
}


def terms_of(name: str, rows: Sequence[dict] = ()) -> DataTerms:
    """What is known of a data set by the name of its reader.

    Readers of public data sets read others in the same layout as well: unless the counts in `rows`, those of a run's
    `card.json`, are the published ones, it is taken for one of those.
    """
    known = DATASETS.get(name)
    if known is None:
        return DataTerms(f"{name} (packed)", "Not known here.", public=False)
    if name not in READERS or not READERS[name].sizes:
        return known
    checks = {_as_published(row) for row in rows if name in row["sets"]} - {None}
    if checks == {True}:
        return known
    title = f"images in the layout of {known.title}, " + (
        "in other numbers than published" if checks else "not counted"
    )
    return DataTerms(title, f"Not known here. If they are of {known.title}: {known.conditions}", public=False)


def _as_published(row):
    """Whether the counts of a subset, of one data set or several together, are the published ones; None if there are
    no published ones."""
    place = ("train", "query", "gallery").index(row["name"])
    sizes = [READERS[name].sizes[place : place + 1] if name in READERS else () for name in row["sets"]]
    if not all(sizes):
        return None
    people, entries = zip(*(size for (size,) in sizes), strict=True)
    return row["entries"] == sum(entries) and (None in people or row["identities"] == sum(people))
