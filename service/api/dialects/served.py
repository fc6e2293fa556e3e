"""The APIs of others that are spoken, by the name under which a setting switches them on."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fastapi import APIRouter

from service.api.dialects import hf, openai
from service.api.dialects.oip import infer, models, repository
from service.api.dialects.protocol import DialectRoute
from service.api.dialects.tei import embed, info, predict, rerank


class Api(NamedTuple):
    """An API.

    Attributes:
        routes: that predict.
        routers: of what else there is, in the order in which they are to be tried.
    """

    routes: Sequence[DialectRoute]
    routers: Sequence[APIRouter] = ()


DIALECTS: Mapping[str, Api] = {
    "hf": Api(hf.ROUTES),
    # `/v2/models/stats` is of the repository; to the models it would be one named `stats`.
    "oip": Api(infer.ROUTES, (repository.router, models.router)),
    "openai": Api(openai.ROUTES, (openai.router,)),
    "tei": Api([predict.ROUTE, embed.ROUTE, rerank.ROUTE], (info.router,)),
}
