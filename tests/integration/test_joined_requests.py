"""Nothing of correctness is given up for speed: answers given side by side equal, to the bit, those given in turn."""

import base64
import io
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from skimage import data

from service.app import create_app
from service.settings import load_settings

pytestmark = [pytest.mark.weights, pytest.mark.usefixtures("pack")]

CHANGES = {
    "none": {},
    "joined": {"join_requests": "on", "workers": 4, "batch_delay_ms": 20.0},
    "joined in fixed buckets": {"join_requests": "on", "workers": 4, "batch_delay_ms": 20.0, "batch_buckets": "8"},
}


def photographs():
    """Eight pictures of one face: cropped, turned, darkened, compressed."""
    portrait = Image.fromarray(data.astronaut())
    found = []
    for step in range(8):
        changed = portrait.crop((60 - 5 * step, 0, 400, 340)).rotate(4 * step - 14)
        buffer = io.BytesIO()
        changed.save(buffer, "JPEG", quality=95 - 9 * step)
        found.append(buffer.getvalue())
    return found


def served(change):
    return TestClient(create_app(load_settings(**change)))


def verified(client, pair):
    answer = client.post("/verify", files={"probe": pair[0], "reference": pair[1]})
    assert answer.status_code == 200, answer.text
    return without_times(answer.json())


def embedded(client, photograph):
    answer = client.post("/embed", json={"image": base64.b64encode(photograph).decode()})
    assert answer.status_code == 200, answer.text
    return without_times(answer.json())


def without_times(answer):
    return {name: value for name, value in answer.items() if name not in ("timings_ms", "request_id")}


def runs_of_the_backbone(client):
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    return {sample.name: sample.value for sample in families["ida_batch_size"].samples if not sample.labels}


@pytest.mark.long
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_parallel_answers_equal_serial_ones_to_the_bit(change):
    pictures = photographs()
    pairs = list(itertools.product(pictures, pictures[:2]))
    with served(change) as client:
        serial = [verified(client, pair) for pair in pairs]
        alone = [embedded(client, picture) for picture in pictures]
        before = runs_of_the_backbone(client)
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda pair: verified(client, pair), pairs)) == serial
            assert list(pool.map(lambda picture: embedded(client, picture), pictures)) == alone
        after = runs_of_the_backbone(client)
    rows, runs = (after[f"ida_batch_size_{kind}"] - before[f"ida_batch_size_{kind}"] for kind in ("sum", "count"))
    # A pair of one photograph with itself is embedded once.
    assert rows == sum(len(set(pair)) for pair in pairs) + len(pictures)
    if change:
        assert runs < len(pairs) + len(pictures)


def test_shared_runs_and_fixed_buckets_give_the_bits_of_the_default():
    picture = photographs()[2]
    found = []
    for change in CHANGES.values():
        with served(change) as client:
            found.append(embedded(client, picture)["embedding"])
    assert found[0] == found[1] == found[2]
