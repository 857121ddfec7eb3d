"""What stands behind the question mark of a request's path."""

from fastapi import Request

from service.api.body import media_type, shortened
from service.api.problems import UnknownField


async def only_known_query(request: Request) -> None:
    """Refuse a parameter that the endpoint does not take: what was meant to be stricter would else pass as it is.

    Pairs of embeddings as bytes have their options there, and their reader checks them.

    Raises:
        UnknownField: naming the first, and where options belong.
    """
    if media_type(request) == "application/octet-stream":
        return
    known = {parameter.alias for parameter in request.scope["route"].dependant.query_params}
    for name in request.query_params:
        if name not in known:
            takes = f"takes {', '.join(sorted(known))} there" if known else "takes its options in the body alone"
            raise UnknownField(f"The query parameter {shortened(name)!r} is not known: this endpoint {takes}.")
