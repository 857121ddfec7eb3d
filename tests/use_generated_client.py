"""Uses the Python client that was generated from the OpenAPI document, as the package ``made`` beside it.

Not a test: ``test_generated_clients.py`` runs it by the Python that has what such a client imports.

    python use_generated_client.py URL FOLDER [TOKEN]

The folder holds ``one.png``, ``two.png`` and ``none.png``; what was answered is printed as JSON.
"""

import base64
import io
import json
import sys
from pathlib import Path

from made import AuthenticatedClient, Client
from made.api.faces import embed_face, verify_batch, verify_pair
from made.api.status import get_info, get_readiness
from made.models import (
    BasicVerifyAnswer,
    BatchFaceRequest,
    EmbedRequest,
    FaceRequest,
    PairRequest,
    Problem,
    VerifyAnswer,
    VerifyBatchRequest,
    VerifyForm,
    VerifyFormDetail,
    VerifyRequest,
)
from made.types import File

url, folder, *token = sys.argv[1:]
pictures = {path.stem: path.read_bytes() for path in Path(folder).glob("*.png")}
text = {name: base64.b64encode(content).decode() for name, content in pictures.items()}
file = {name: File(io.BytesIO(content), f"{name}.png", "image/png") for name, content in pictures.items()}
client = Client(base_url=url, raise_on_unexpected_status=True)


def pair(probe, reference):
    return verify_pair.sync(
        client=client, body=VerifyRequest(probe=FaceRequest(image=text[probe]), reference=FaceRequest(image=reference))
    )


full = pair("one", text["two"])
assert isinstance(full, VerifyAnswer), full
form = VerifyForm(probe=file["one"], reference=file["two"], method="cosine", detail=VerifyFormDetail.BASIC)
basic = verify_pair.sync(client=client, body=form)
assert isinstance(basic, BasicVerifyAnswer), basic
problem = pair("none", text["two"])
assert isinstance(problem, Problem), problem
sides = [BatchFaceRequest(image=text[name]) for name in ("one", "two")]
batch = verify_batch.sync(client=client, body=VerifyBatchRequest(pairs=[PairRequest(*sides)]))
told = {
    "scores": [full.score, batch.items[0].answer.score],
    "similarity": basic.similarity,
    "problem": [problem.code, problem.image],
    "embedding": embed_face.sync(client=client, body=EmbedRequest(image=text["one"])).embedding,
    "anchor_set": get_info.sync(client=client).anchor_set.id,
    "status": get_readiness.sync(client=client).status,
}
if token:
    from made.api.admin import list_anchor_sets

    administrator = AuthenticatedClient(base_url=url, token=token[0], raise_on_unexpected_status=True)
    told["listed"] = [found.id for found in list_anchor_sets.sync(client=administrator).anchor_sets]
    told["refused"] = list_anchor_sets.sync(client=client).code
print(json.dumps(told))
