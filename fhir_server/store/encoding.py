"""Changes on their way to MongoDB: stamped with number and time, then encoded as documents.

Rule: the text is made at once, the document when it is needed and only once; a transaction that is tried again sends
the same bytes. Many changes are encoded step by step and not one after another: their data is too much to stay at
the processor's hand, but so the code of each step does, which spares a tenth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bson.raw_bson import RawBSONDocument

from fhir_server.document import codec
from fhir_server.model import Change, Json, Version, frozen
from fhir_server.search.extract import Extracted, complete
from fhir_server.store import admission
from resources import instants, json_codec
from resources.parameters import BASE, ParameterSet


@frozen
class Encoded:
    """What is sent for one change: its document, and that of the version it replaces, if there is one. `weight` is
    what they need of mongod's cache, in bytes."""

    version: Version
    document: RawBSONDocument
    superseded: RawBSONDocument | None
    weight: int


@dataclass(slots=True, eq=False)
class Draft:
    """A change with the time (µs since the epoch), the number and the text of its new version.

    base_url: the server's own, whose references count as relative. parameters: those that it will be found by.
    """

    change: Change
    updated: int
    base_url: str
    parameters: ParameterSet = BASE
    number: int = field(init=False)
    text: bytes | None = field(init=False, default=None)
    _resource: Json | None = field(init=False, default=None)
    _checked: bool = field(init=False, default=False)
    _extracted: Extracted | None = field(init=False, default=None)
    _encoded: Encoded | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        before, after = self.change.before, self.change.after
        self.number = before.version + 1 if before else 1
        if after is not None:
            self._resource = stamped(after, self.number, self.updated)
            self.text = json_codec.encode(self._resource)

    @property
    def text_bytes(self) -> int:
        """Size of the text, together with that of the version it replaces."""
        before = self.change.before
        return len(self.text or b"") + len(before.text or b"" if before else b"")

    @property
    def is_encoded(self) -> bool:
        """Whether `encoded` costs nothing more."""
        return self._encoded is not None

    def encoded(self) -> Encoded:
        """The documents, made at the first call. Raises PayloadTooLarge for a resource that does not fit one, or with
        too many entries, and what `check` raises."""
        if self._encoded is None:
            self.check()
            self.extract()
            self._encoded = self._encode()
            self._resource = self._extracted = None
        return self._encoded

    def check(self) -> None:
        """The first step of `encoded`: what is left of the validation. Raises a FhirError."""
        if not self._checked and self.change.check is not None:
            self.change.check()
        self._checked = True

    def extract(self) -> None:
        """The second step of `encoded`: the entries to find the resource by."""
        if self._extracted is None and self._resource is not None:
            self._extracted = complete(self._resource, self.text or b"", self.base_url, self.parameters, bounded=True)

    def _encode(self) -> Encoded:
        change, before, extracted = self.change, self.change.before, self._extracted
        compartments: tuple[str, ...] = before.compartments if before else ()
        if extracted is not None:
            compartments = tuple(extracted.compartments)
        version = Version(
            change.type, change.id, self.number, self.updated, change.method, self.text, compartments, change.blob
        )
        document = codec.to_document(version, self._resource, extracted)
        weight = admission.weight(document, extracted)
        superseded = None
        if before is not None:
            superseded = codec.to_superseded(before, self.updated)
            weight += admission.weight(superseded, None)
        return Encoded(version, document, superseded, weight)


def encode(drafts: Sequence[Draft]) -> list[Encoded]:
    """The documents of these changes. Raises what `Draft.encoded` raises."""
    fresh = [draft for draft in drafts if not draft.is_encoded]
    for draft in fresh:
        draft.check()
    for draft in fresh:
        draft.extract()
    return [draft.encoded() for draft in drafts]


def stamped(resource: Json, version: int, updated: int) -> Json:
    """A copy with meta.versionId and meta.lastUpdated of this version; where there was no meta, it follows the id.

    See https://hl7.org/fhir/R4/resource.html#Meta.
    """
    facts = {"versionId": str(version), "lastUpdated": instants.instant_text(updated)}
    given = resource.get("meta")
    if given is not None:
        return {**resource, "meta": {**facts, **given, **facts}}
    return {"resourceType": resource["resourceType"], "id": resource["id"], "meta": facts, **resource}
