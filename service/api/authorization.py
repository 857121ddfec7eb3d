"""Who may use the admin API: asked of every request to it."""

import logging
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from service.api.problems import ReadOnlyToken, TooManyAttempts, Unauthorized
from service.api.state import ServiceState
from service.api.tokens import Administrator, offered

logger = logging.getLogger(__name__)

_bearer = HTTPBearer(auto_error=False, description="A token of IDA_ADMIN_TOKEN or IDA_ADMIN_TOKEN_FILE.")


def administrator(
    request: Request, state: ServiceState, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Administrator:
    """Return whose token the request has.

    Raises:
        TooManyAttempts: if too many wrong tokens came from the client's address; none is looked at then.
        Unauthorized: if the request has no token, or nobody's.
    """
    tokens, attempts = state.tokens, state.attempts
    authorization = request.headers.get("authorization")
    client = "unknown" if request.client is None else request.client.host
    wait = attempts.wait(client)
    if wait:
        raise TooManyAttempts(f"Too many wrong tokens came from {client}: try again in {wait} s.", wait)
    found = None if tokens is None else tokens.who(authorization)
    if found is None:
        # Where no token is known, the right ones are wrong.
        if tokens is not None and offered(authorization) is not None and not tokens.knows_nobody:
            logger.warning("wrong token", extra={"client": client, "attempts": attempts.count(client)})
        raise Unauthorized("The admin API needs a token: send it as Authorization: Bearer TOKEN.")
    return found


def writer(found: Annotated[Administrator, Depends(administrator)]) -> str:
    """Return the name of an administrator who may change something.

    Raises:
        ReadOnlyToken: if he may not.
    """
    if found.role != "write":
        raise ReadOnlyToken(
            f"The token of {found.name} may read, and this changes something. Use one that may write (name:write:token "
            "in IDA_ADMIN_TOKEN_FILE)."
        )
    return found.name


Writer = Annotated[str, Depends(writer)]
