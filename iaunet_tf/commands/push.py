"""`iaunet push RUN OWNER/NAME`: a run's network and its model card to the Hugging Face hub."""

import re
from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.commands.arguments import Parser
from iaunet_tf.errors import InputError
from iaunet_tf.run import Run, claim

LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]{1,60}")


def main(arguments: Sequence[str]) -> None:
    """Uploads the network of a finished run, its model card, thresholds, metrics and configuration to the Hugging Face
    hub, in one commit, and lists them first. The repository is private unless --public is given. Images, embeddings,
    histories and paths of this machine stay here. Log in by hf auth login, or set HF_TOKEN."""
    parser = Parser("push", main.__doc__)
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("repo", metavar="OWNER/NAME", help="repository on the hub; made if there is none")
    parser.add_argument(
        "--with",
        dest="exports",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="an exported network, .onnx or .tflite, to upload as well; may be repeated",
    )
    license_help = "licence of the weights, by the hub's name for it, such as apache-2.0, cc-by-nc-4.0 or other"
    parser.add_argument("--license", "--licence", metavar="NAME", help=license_help)
    parser.switch("--public", False, "let everybody see the repository (default: false)")
    parser.switch("--dry_run", False, "only list what would be uploaded (default: false)")
    options = parser.parse(arguments)
    if options.license is not None and not LICENSE.fullmatch(options.license):
        raise InputError(f"--license {options.license}: write the hub's name for it, such as apache-2.0 or other")
    push(Run(Path(options.run)), options.repo, options.exports, options.license, options.public, options.dry_run)


def push(run: Run, repo: str, exports: Sequence[Path], license: str | None, public: bool, dry_run: bool) -> None:
    """Uploads a finished run, see `main`; its card is written anew, for `repo` and with the `license`."""
    from iaunet_tf.cards.facts import Facts
    from iaunet_tf.cards.hub import check_login, check_repository, upload
    from iaunet_tf.cards.uploads import uploads_of
    from iaunet_tf.cards.writing import card_of, save_card

    check_repository(repo)
    facts = Facts.of(run)
    card = card_of(facts, license, repo)
    uploads = uploads_of(facts, card, exports)
    if not dry_run:
        check_login()
    print(f"{repo}, {'public' if public else 'private'}:")
    for each in uploads:
        print(f"  {each.name:32}{_size(each.size):>10}")
    if not card.data.get("license"):
        print("warning: no licence is stated for the weights; --license states one")
    for terms in facts.terms.values():
        if terms.withdrawn:
            print(f"warning: {terms.title}: {terms.conditions}")
    if dry_run:
        print("nothing was uploaded: a dry run")
        return
    with claim(run):
        print(upload(uploads, repo, public, f"{facts.config.name}: network, model card and metrics"))
        save_card(card, run)


def _size(count):
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"
