"""A FHIR R4 server on MongoDB.

Packages, top to bottom; imports point only downwards (import-linter keeps it):

cli, app        compose everything: commands of the terminal; the ASGI application
http            bytes to FhirRequest, FhirResponse to bytes
operations      one file per $operation
interactions    the one door (dispatch) and the FHIR verbs behind it
store           the only awaits on MongoDB
access          who may ask what
search          query to tree to plan; resource to entries; match
document        names of collections, fields and indexes; the stored shape
model           the frozen values that all layers share

Beside them: settings (what can be configured), logs, workers and worker (the server processes), and embedded (the
mongod that comes along). Below all: `resources`.
"""
