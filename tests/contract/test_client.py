"""The Python client against the application: every way of giving a face, batches, embeddings, keys, and both kinds."""

import asyncio
import io
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import numpy as np
import pytest
from fakes import DIMENSION, picture, serving
from ida_client import AsyncClient, Client, Crop, KeyProblem, Limits, NoFaceProblem, RequestProblem
from PIL import Image

from service.api.access.key_file import digest_of

CLIENT = Path(__file__).parents[2] / "deploy" / "clients" / "python"
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"max_batch": 3, "max_embedding_pairs": 4})


@pytest.fixture
def asked(client):
    """The sync client of the application."""
    return Client("http://testserver", http=client)


def test_face_may_be_given_in_every_form(asked, tmp_path):
    content = picture(seed=1)
    file = tmp_path / "one.png"
    file.write_bytes(content)
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    found = asked.embed(content)
    with file.open("rb") as opened:
        forms = [content, bytearray(content), file, str(file), opened, pixels, found.for_comparison]
        assert [asked.verify(form, content).similarity for form in forms] == pytest.approx(7 * [1], abs=1e-5)
    assert asked.verify(np.array(found.values, np.float32), list(found.values)).similarity == pytest.approx(1)
    crop = Image.fromarray(pixels).resize((112, 112))
    assert -1 <= asked.verify(Crop(np.asarray(crop)), content).similarity <= 1
    several = asked.verify(content, [content, found.values])
    assert several.document["template"]["pictures_used"] == 2
    assert found.norm == pytest.approx(np.linalg.norm(found.for_comparison), rel=1e-5)
    for wrong in (7, io.StringIO("x"), np.zeros((4, 4)), np.zeros((4, 4, 3))):
        with pytest.raises((TypeError, ValueError)):
            asked.embed(wrong)


def test_options_and_problems_are_the_services(asked):
    found = asked.verify(picture(seed=1), picture(seed=2), method="cosine", detail="basic", request_id="order-17")
    assert found.score == found.similarity
    assert found.request_id == "order-17"
    assert found.decision is None
    with pytest.raises(NoFaceProblem) as caught:
        asked.verify(picture(faces=0), picture(seed=2))
    assert (caught.value.image, caught.value.code, caught.value.status) == ("probe", "no_face", 422)
    with pytest.raises(RequestProblem):
        asked.verify(picture(seed=1), picture(seed=2), method="dao")


def test_batches_are_parted_by_what_info_tells(asked):
    one, two, none = picture(seed=1), picture(seed=2), picture(faces=0)
    found = asked.verify_batch([(one, two)] * 4 + [(one, none)] + [(two, one)] * 2)
    assert [isinstance(each, NoFaceProblem) for each in found] == [False] * 4 + [True] + [False] * 2
    assert found[0].score == pytest.approx(asked.verify(one, two).score, abs=1e-6)

    draw = np.random.default_rng(0)
    probes, references = draw.standard_normal((2, 10, DIMENSION))
    probes[6] = 0
    columns = asked.verify_embeddings(probes, references, method="cosine")
    assert list(columns.problems) == [6]
    assert columns.problems[6].image == "probe"
    expected = (probes * references).sum(1) / np.maximum(np.linalg.norm(probes, axis=1), 1e-9)
    expected /= np.linalg.norm(references, axis=1)
    assert columns.score == [None if row == 6 else pytest.approx(expected[row], abs=1e-5) for row in range(10)]
    assert asked.verify_embeddings(probes.tolist(), references.tolist(), method="cosine").score == columns.score
    assert len(columns.anchor_set_ids) == 1
    for wrong in ((probes, references[:3]), (probes, references[:, :3]), ([], [])):
        with pytest.raises(ValueError, match=r"pairs|same number"):
            asked.verify_embeddings(*wrong)


def test_async_client_says_the_same(client, asked):
    one, two = picture(seed=1), picture(seed=2)
    draw = np.random.default_rng(0).standard_normal((2, 5, DIMENSION))

    async def ask():
        # The transport drives no lifespan: the application that the sync client holds open is the one that answers.
        async def scoped(scope, receive, send):
            await client.app({**scope, "state": dict(client.app_state)}, receive, send)

        transport = httpx2.ASGITransport(app=scoped)
        async with httpx2.AsyncClient(transport=transport) as http, AsyncClient("http://a", http=http) as asking:
            return (
                await asking.verify(one, two),
                await asking.embed(one),
                await asking.verify_batch([(one, two)] * 5),
                await asking.verify_embeddings(*draw),
                await asking.info(),
            )

    pair, face, batch, columns, info = asyncio.run(ask())
    assert pair.score == asked.verify(one, two).score
    assert face.values == asked.embed(one).values
    assert len(batch) == 5
    assert columns.score == asked.verify_embeddings(*draw).score
    assert info["limits"]["max_batch"] == 3


def test_key_is_sent_and_one_without_info_still_parts_batches(settings, bundle, backbone_session, tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[till]\nsha256 = "{digest_of(KEY)}"\nscopes = ["verify"]\n')
    settings = settings.model_copy(update={"api_keys_file": keys, "max_embedding_pairs": 4096})
    with serving(settings, bundle, backbone_session) as client:
        draw = np.random.default_rng(0).standard_normal((2, 5, DIMENSION))
        with pytest.raises(KeyProblem):
            Client("http://testserver", http=client).verify_embeddings(*draw)
        asking = Client("http://testserver", http=client, api_key=KEY)
        assert len(asking.verify_embeddings(*draw).score) == 5
        with pytest.raises(KeyProblem):
            asking.info()
        assert len(Client("http://testserver", http=client, api_key=KEY, limits=Limits()).verify_batch([])) == 0


def test_example_of_the_clients_readme_works_as_it_stands(client, monkeypatch, tmp_path, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", (CLIENT / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "probe.jpg").write_bytes(picture(seed=1))
    (tmp_path / "reference.jpg").write_bytes(picture(seed=1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(httpx2, "Client", lambda: client)
    monkeypatch.setattr(client, "close", lambda: None)
    exec(compile(example, "README.md", "exec"), {})
    decided, first, second, columns = capsys.readouterr().out.splitlines()
    assert decided.startswith("None None the anchor set was not calibrated")
    assert float(first) == pytest.approx(float(second))
    assert columns.endswith(", {}" if columns.startswith("(") else " {}")


def test_client_needs_nothing_of_the_service():
    script = (
        "import sys, ida_client\n"
        "print(sorted({'service', 'models', 'numpy', 'pydantic', 'fastapi', 'onnxruntime'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", script], cwd=CLIENT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
