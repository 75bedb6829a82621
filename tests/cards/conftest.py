import pytest
from cards.stand_in import MAY_WRITE, running
from huggingface_hub import constants


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A stand-in of the hub that the client takes for it, with a token that may write."""
    with running() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)  # older clients have none
        monkeypatch.setenv("HF_TOKEN", MAY_WRITE)
        yield hub
