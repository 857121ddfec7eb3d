"""What administrators send to the admin API, for tests of it over HTTP."""

TOKEN = "alices-token-0123456789"
ALICE = {"Authorization": f"Bearer {TOKEN}"}
BOB = {"Authorization": "Bearer bobs-token-0123456789"}
UNKNOWN = "0" * 16


def write_tokens(folder, text=f"# who may\n\nalice:{TOKEN}\nbob:bobs-token-0123456789\n"):
    """Write a file of tokens and return it."""
    (folder / "tokens").write_text(text)
    return folder / "tokens"


def upload(client, bundle_id, content, **headers):
    return client.put(f"/admin/anchor-sets/{bundle_id}", content=content, headers={**ALICE, **headers})


def activate(client, bundle_id, **document):
    """Ask for an activation; small bundles are not calibrated, which is allowed unless the document says otherwise."""
    body = {"id": bundle_id, "allow_uncalibrated": True, **document}
    return client.put("/admin/anchor-sets/active", json=body, headers=ALICE)


def roll_back(client, headers=ALICE, **document):
    return client.post("/admin/anchor-sets/rollback", json=document, headers=headers)


def entries(client):
    return client.get("/admin/anchor-sets", headers=ALICE).json()["anchor_sets"]


def history(client):
    """Return the activations, oldest first: generation, bundle_id, action and what they restore."""
    found = client.get("/admin/activations", headers=ALICE).json()["activations"]
    return [(r["generation"], r["anchor_set_id"], r["action"], r["restores"]) for r in reversed(found)]


def stored(store):
    """Return the files of a store's folder, but for the reports of replicas, as paths in it."""
    files = [file.relative_to(store).as_posix() for file in store.rglob("*") if file.is_file()]
    return sorted(file for file in files if not file.startswith("replicas/"))
