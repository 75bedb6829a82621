"""The table of trained networks that other people have published: where they are, and what is known of them."""

import os
from dataclasses import dataclass

CACHE = "~/.cache/iaunet_tf"  # where files can be put by hand


@dataclass(frozen=True)
class Pretrained:
    """A file of weights that its authors have published.

    Attributes:
        network: what it is the weights of, a key of `iaunet_tf.models.networks.NETWORKS`.
        file: its name there.
        page: the page that offers it.
        licence: what is said of its use.
        trained_on: what it was trained on.
        figures: what its authors measured, rank-1 / mAP in percent.
        sha256: its digest; where none is known, it has to be fetched by hand.
        hub: its repository and revision on the Hugging Face Hub, from which it is then downloaded.
        start: whether it is only a start for training: it knows no people yet.
        own_name: what the file is called when it is put there by hand, if not as on its page.
    """

    network: str
    file: str
    page: str
    licence: str
    trained_on: str
    figures: str = ""
    sha256: str | None = None
    hub: tuple[str, str] | None = None
    start: bool = False
    own_name: str | None = None

    @property
    def repository(self) -> str:
        """Its repository on the Hugging Face Hub, nothing if it is not there."""
        return self.hub[0] if self.hub else ""

    @property
    def by_hand(self) -> str:
        """Where the file can be put by hand."""
        return f"{CACHE}/{self.own_name or self.file}"


def is_published(source: object) -> bool:
    """Whether a name is that of a published network, and not of a file."""
    return str(source) in PRETRAINED and not os.path.exists(str(source))


TORCHREID = "https://kaiyangzhou.github.io/deep-person-reid/MODEL_ZOO"
HUB = ("kaiyangzhou/osnet", "a5c5cc037c24235cda3b21085b93ad77c9616224")
MIT = "MIT, that of torchreid's code; MSMT17 is for research only"
RECIPE = "256x128_amsgrad_ep150_stp60_lr0.0015_b64_fb10_softmax_labelsmooth_flip_jitter.pth"


def _combined(network, figures, sha256=None):
    """torchreid's networks that are trained on all of MSMT17, to be used on other people."""
    file = f"{network}_msmt17_combineall_{RECIPE}"
    figures = f"Market-1501, not trained on: {figures}"
    data = "MSMT17, training and test subsets together (4,101 people)"
    return Pretrained(network, file, TORCHREID, MIT, data, figures, sha256, HUB)


def _fastreid(data, recipe, network, figures):
    sets = {"market": "Market-1501", "msmt": "MSMT17"}
    return Pretrained(
        network,
        f"{data}_{recipe}_{network.partition('_')[2]}.pth",
        "https://github.com/JDAI-CV/fast-reid/blob/master/MODEL_ZOO.md",
        f"Apache-2.0, that of fast-reid's code; {sets[data]} is for research only",
        f"{sets[data]}, training subset",
        f"{sets[data]}: {figures}",
    )


PRETRAINED = {
    "osnet_x1_0_msmt17": _combined("osnet_x1_0", "66.6 / 37.5"),
    "osnet_x0_75_msmt17": _combined("osnet_x0_75", "63.6 / 35.5"),
    "osnet_x0_5_msmt17": _combined("osnet_x0_5", "64.3 / 34.9"),
    "osnet_x0_25_msmt17": _combined(
        "osnet_x0_25", "59.9 / 31.0", "cf55163d78fc44c62c82f85ab62d39f10438679b5abe8c698ae08cfa84aa6e18"
    ),
    "osnet_ain_x1_0_msmt17": Pretrained(
        "osnet_ain_x1_0",
        "osnet_ain_x1_0_msmt17_256x128_amsgrad_ep50_lr0.0015_coslr_b64_fb10_softmax_labsmth_flip_jitter.pth",
        TORCHREID,
        MIT,
        "MSMT17, training and test subsets together",
        "Market-1501, not trained on: 70.1 / 43.3",
        "8a07e8da38946f7cee37f4561617bf8b6d2fe8f3a4027852893ea092e46d919f",
        HUB,
    ),
    "osnet_x0_25_imagenet": Pretrained(
        "osnet_x0_25",
        "osnet_x0_25_imagenet.pth",
        TORCHREID,
        "MIT, that of torchreid's code; ImageNet's images are for research only",
        "ImageNet",
        sha256="f54941a66bad4ddd07f2907f498c810ce639ce7a1abeaf2a151f8da118d84693",
        hub=HUB,
        start=True,
    ),
    "bagtricks_R50_market1501": _fastreid("market", "bot", "bagtricks_R50", "94.4 / 86.1"),
    "bagtricks_R50-ibn_market1501": _fastreid("market", "bot", "bagtricks_R50-ibn", "94.9 / 87.6"),
    "AGW_R50_market1501": _fastreid("market", "agw", "AGW_R50", "95.3 / 88.2"),
    "AGW_R50-ibn_market1501": _fastreid("market", "agw", "AGW_R50-ibn", "95.1 / 88.7"),
    "sbs_R50_market1501": _fastreid("market", "sbs", "sbs_R50", "95.4 / 88.2"),
    "sbs_R50-ibn_market1501": _fastreid("market", "sbs", "sbs_R50-ibn", "95.7 / 89.3"),
    "bagtricks_R50_msmt17": _fastreid("msmt", "bot", "bagtricks_R50", "72.3 / 48.3"),
    "bagtricks_R50-ibn_msmt17": _fastreid("msmt", "bot", "bagtricks_R50-ibn", "77.0 / 54.4"),
    "AGW_R50_msmt17": _fastreid("msmt", "agw", "AGW_R50", "76.7 / 53.6"),
    "AGW_R50-ibn_msmt17": _fastreid("msmt", "agw", "AGW_R50-ibn", "79.3 / 57.5"),
    "sbs_R50_msmt17": _fastreid("msmt", "sbs", "sbs_R50", "83.3 / 59.9"),
    "sbs_R50-ibn_msmt17": _fastreid("msmt", "sbs", "sbs_R50-ibn", "84.0 / 61.2"),
    "luperson": Pretrained(
        "resnet50",
        "lup_moco_r50.pth",
        "https://github.com/DengpanFu/LUPerson (Google Drive 1pFyAdt9BOZCtzaLiE-W3CsX_kgWABKK6)",
        "no licence is stated; the images are frames of public street videos",
        "LUPerson: four million images of people without labels, by MoCo v2",
        start=True,
    ),
    "imagenet": Pretrained(
        "resnet50",
        "model.safetensors",
        "https://huggingface.co/timm/resnet50.tv_in1k",
        "BSD-3-Clause, torchvision's; ImageNet's images are for research only",
        "ImageNet, by torchvision's original recipe",
        sha256="5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888",
        hub=("timm/resnet50.tv_in1k", "78f3ecfdb38e06d9b8397f662e7ab8fee96026fa"),
        start=True,
        own_name="resnet50.tv_in1k.safetensors",
    ),
}
