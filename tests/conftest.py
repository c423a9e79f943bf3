import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

if not os.environ.get("CI"):  # there, hypothesis has a profile of its own
    settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of the code
    settings.load_profile("untimed")
torch.set_num_threads(1)  # tiny models: threads only get in each other's way
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
        if "hub" in item.keywords and os.environ.get("HF_HUB_OFFLINE") == "1":
            item.add_marker(pytest.mark.skip(reason="needs the Hugging Face hub; unset HF_HUB_OFFLINE"))


@pytest.fixture
def real_data() -> Path:
    """The folder with real problem files that LENGTHWISE_DATA names."""
    place = os.environ.get("LENGTHWISE_DATA")
    if not place:
        pytest.skip("LENGTHWISE_DATA names no folder with real problem files")
    return Path(place)
