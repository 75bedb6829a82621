"""What a card says of a run in sentences of its own."""

from iaunet_tf.blocks import IAUNET_BLOCKS, RESNET50_DEPTHS
from iaunet_tf.cards.facts import Facts, joined

BLOCKS = {"iau": "IAU", "ia": "IA"}
PAPERS = {"iau": "IAUnet (Hou et al., TNNLS 2020)", "ia": "IANet (Hou et al., CVPR 2019)"}


def network_of(facts: Facts) -> str:
    """The network, in words."""
    model = facts.config.model
    backbone = getattr(model, "backbone", "iaunet")
    width = getattr(model, "width", 1.0)
    layers = 2 + 3 * sum(getattr(model, "depths", RESNET50_DEPTHS))
    name = f"ResNet-{layers}" if backbone == "iaunet" else backbone
    name += f" at {width:g} of its width" if width != 1 else ""
    kinds = _kinds(model)
    if not kinds:
        return f"{name} without IAU blocks"
    names = sorted(set(kinds.values()))
    text = f"{name} with {joined([BLOCKS.get(kind, kind) for kind in names])} blocks behind {joined(list(kinds))}"
    if backbone != "iaunet" or set(kinds) != set(IAUNET_BLOCKS) or len(names) > 1 or names[0] not in PAPERS:
        return text
    return f"{PAPERS[names[0]]}: {text}"


def _kinds(model):
    if hasattr(model, "kinds"):
        return model.kinds
    return dict.fromkeys(model.blocks, model.block) if model.block else {}


def input_of(facts: Facts) -> str:
    """What goes into it, in words."""
    data = facts.config.data
    what = "clips of any number of frames" if getattr(data, "video", False) else "images"
    return f"{what}, {data.height}x{data.width} pixels (height x width), RGB in 0..255; normalised inside"


def protocol_of(facts: Facts) -> str:
    """How the results were measured."""
    if facts.config.task != "reid":
        return "In percent of the images held out."
    options = facts.config.eval
    text = f"In percent, by {options.distance} distance; matches in the query's own camera do not count."
    if options.protocol == "cuhk03":
        text += " One image of each person is searched in, drawn a hundred times (CUHK03's classic protocol)."
    if options.flip:
        text += " Embeddings are summed with those of flipped images."
    if any(result.intervals for result in facts.results):
        text += " In brackets: 95 % confidence intervals, by the bootstrap over the people of the test set. They say"
        text += " nothing of other cameras, nor of another training run."
    return text


def training_of(facts: Facts) -> dict[str, str]:
    """The key figures of the configuration."""
    config, train = facts.config, facts.config.train
    begins = [origin.what for origin in facts.origins if origin.role == "weights"][:1]
    losses = ["cross entropy"]
    if config.task == "reid":
        losses += [name for name in ("triplet", "circle", "centre") if getattr(config.loss, f"{name}_weight")]
        losses[0] += f" ({config.loss.softmax})" if config.loss.softmax != "plain" else ""
        masked = config.data.masks == "prior" or any(row.get("masks") for row in facts.rows)
        if config.loss.mask_weight and config.data.masks != "none" and config.model.locates_parts and masked:
            losses.append("part masks" + (", guessed" if config.data.masks == "prior" else ""))
        losses += ["distillation"] if config.loss.teacher else []
    schedule = f", {train.schedule} schedule" + (f" at {train.milestones}" if train.schedule == "step" else "")
    rounds = len(list(facts.run.path.glob("round-*")))
    adapted = {"adapted": f"to images without labels, in {rounds} rounds"} if rounds else {}
    return {
        "began with": begins[0] if begins else "random weights",
        "losses": ", ".join(losses),
        "epochs": f"{train.epochs}, batches of {train.batch_size}",
        "optimizer": f"{train.optimizer}, learning rate {train.learning_rate:g}{schedule}",
        "precision": train.precision,
        "seed": f"{config.seed}",
        **adapted,
    }


def limits_of(facts: Facts) -> list[str]:
    """What the figures do not say, and what the network cannot do."""
    config, trained, tested = facts.config, facts.trained_on, facts.tested_on.values()
    if config.task != "reid":
        return ["It knows the classes that it was trained on and no other, and always answers with one of them."]
    limits, elsewhere = [], [name for name in tested if name not in trained]
    if not any(facts.terms[name].real for name in trained):
        limits.append("**Drawings.** It was trained on drawings and has not learned to recognise real people.")
    if any(terms.withdrawn for terms in facts.terms.values()):
        limits.append("**Withdrawn data.** A data set that it depends on has been withdrawn, see [Data](#data).")
    if facts.results and elsewhere:
        limits.append(f"**Other cameras.** It was measured on {facts.titles(elsewhere)} without training on it.")
    if facts.results and len(elsewhere) < len(tested):
        limits.append(
            "**Same cameras.** It was measured on other people than it was trained on, but in the same cameras. "
            "In other places and other light such networks are much worse: measure it on images of yours."
        )
    return [
        *limits,
        "**Clothes.** It recognises above all what people wear: nobody in other clothes, and people dressed alike are "
        "taken for each other.",
        f"**Size.** It sees {config.data.height}x{config.data.width} pixels. Smaller images are enlarged; people who "
        "are cut off or hidden are found less often.",
        "**Fairness.** Whether it is worse for some people, by age, skin or dress, was not measured.",
    ]
