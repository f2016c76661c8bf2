"""The floors: what a bare Starlette handler costs with the same driver, the same MongoDB, the same documents.

uvicorn benchmarks.floors:app       with MONGODB_URI and FLOOR_DATABASE in the environment
"""

import os

import orjson
from pymongo import AsyncMongoClient, WriteConcern
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

MEDIA_TYPE = "application/fhir+json"

_client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(os.environ["MONGODB_URI"])
_database = _client[os.environ["FLOOR_DATABASE"]]
_durable = _database.get_collection("created", write_concern=WriteConcern("majority", j=True))


async def read(request: Request) -> Response:
    """One `find_one` by `_id`, orjson out."""
    document = await _database.patients.find_one({"_id": request.path_params["id"]})
    if document is None:
        return Response(status_code=404)
    return Response(orjson.dumps(document["resource"]), media_type=MEDIA_TYPE)


async def create(request: Request) -> Response:
    """One majority insert of the body."""
    resource = orjson.loads(await request.body())
    await _durable.insert_one({"resource": resource})
    return Response(orjson.dumps(resource), status_code=201, media_type=MEDIA_TYPE)


app = Starlette(
    routes=[
        Route("/fhir/Patient/{id}", read),
        Route("/fhir/Patient", create, methods=["POST"]),
    ]
)
