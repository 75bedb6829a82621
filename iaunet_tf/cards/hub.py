"""The Hugging Face hub, by its own client: who one is there, its login or HF_TOKEN says."""

import sys
from collections.abc import Sequence

from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import disable_progress_bars, logging, validate_repo_id

import iaunet_tf
from iaunet_tf.cards.uploads import Upload
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.terminal import watched


def check_repository(repo: str) -> None:
    """Refuses what is no name of a repository."""
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise InputError(f"{repo}: is no name of a repository ({reason_of(error)})") from None
    if "/" not in repo:
        raise InputError(f"{repo}: names no owner; write OWNER/{repo}")


def check_login() -> None:
    """Refuses to go on without a token."""
    if get_token() is None:
        raise InputError("not logged in to the Hugging Face hub; do it by hf auth login, or set HF_TOKEN")


def upload(uploads: Sequence[Upload], repo: str, public: bool, message: str) -> str:
    """Uploads files in one commit, into a repository that is made if there is none, and returns its address.

    Raises:
        InputError: it cannot be done, or the repository is public without `public`. No file is there then.
    """
    logging.set_verbosity_error()  # otherwise there are lines for every retry
    if not watched(sys.stderr):
        disable_progress_bars()
    api = HfApi(library_name="iaunet-tf", library_version=iaunet_tf.__version__)
    operations = [CommitOperationAdd(each.name, each.content) for each in uploads]
    try:
        api.create_repo(repo, private=not public, exist_ok=True)
        shown = not api.repo_info(repo).private
        if public or not shown:
            return api.create_commit(repo, operations, commit_message=message).commit_url
    except Exception as error:  # any exception of the hub's client or the network means that nothing is there
        raise InputError(f"{repo}: nothing was uploaded; {_why(error)}") from None
    raise InputError(f"{repo}: nothing was uploaded, since it is public; add --public if everybody may have it")


def _why(error):
    """What went wrong, and what to do."""
    response = getattr(error, "response", None)
    if response is None and error.__cause__ is not None:
        return _why(error.__cause__)  # of the client's own, about the hub's answer
    status = getattr(response, "status_code", None)
    said = reason_of(getattr(error, "server_message", None) or error)
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set; unset it"
    if status == 401:
        return "the hub does not know the token; log in anew by hf auth login, or set another HF_TOKEN"
    if status in (403, 404):
        return f"the token may not write there ({said}); take one that may, or another OWNER"
    if status is not None and status >= 500:
        return f"the hub is out of order (it answers {status}); try again later"
    if status is not None or isinstance(error, ValueError):
        return f"the hub refuses it ({said})"
    return f"the hub cannot be reached ({type(error).__name__}); try again with a network connection"
