"""Other people's requests and answers: of each peer a module that turns them into the service's own, and back.

Each calls the verifier that ``/verify`` calls, behind the same gate, with the same limits, policies and audit log. What
a peer's request asks for and this service cannot give is refused, and never passed over unless ``COMPAT.md`` says so.
"""
