"""Regenerate `resources/definitions/*.json.gz` from HL7's published R4 4.0.1 package.

The package is npm's `hl7.fhir.r4.examples` 4.0.1 (CC0-1.0, published by HL7), which carries the specification's
StructureDefinitions, SearchParameters, CompartmentDefinitions, CodeSystems, ValueSets and value-set expansions
beside the examples:

    npm pack hl7.fhir.r4.examples@4.0.1 && tar xzf hl7.fhir.r4.examples-4.0.1.tgz
    python scripts/build_definitions.py package

Values are HL7's, verbatim; only the members that the server reads are kept. The output is byte for byte reproducible.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

OUTPUT = Path(__file__).parent.parent / "resources" / "definitions"
FHIR = "http://hl7.org/fhir/"
NOT_BASE = re.compile(r"example|-extensions-|-genetic-|^filter$")  # the 1,375 of search-parameters.json remain
FHIRPATH_TYPE = "http://hl7.org/fhirpath/"
SEARCH_PARAMETER_MEMBERS = (
    "id", "url", "code", "base", "type", "expression", "target", "multipleOr", "multipleAnd",
    "comparator", "modifier", "description",
)  # fmt: skip
EXAMPLE_TERMINOLOGY = re.compile(r"example(-|$)|summary$|inactive$")
TERMINOLOGY_MEMBERS = (
    "url", "version", "date", "content", "caseSensitive", "hierarchyMeaning", "valueSet", "property", "concept", "code",
    "uri", "valueCode", "valueBoolean", "valueDateTime", "compose", "include", "exclude", "system", "filter", "op",
    "value", "expansion", "total", "offset", "contains",
)  # fmt: skip


def main(package: Path) -> None:
    """Write all five files."""
    documents = Package(package)
    structures = dict(documents.structures())
    write("structures", structures)
    write("search-parameters", list(documents.search_parameters()))
    write("compartments", dict(documents.compartments()))
    write("codes", documents.required_codes(structures))
    write("terminology", documents.terminology())


def write(name: str, value: Any) -> None:
    """Write one file, packed without a time stamp."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=False).encode()
    path = OUTPUT / f"{name}.json.gz"
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(text)
    print(f"{path.name}: {len(text):,} bytes, {path.stat().st_size:,} packed")


class Package:
    """The unpacked npm package: one JSON file a resource."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self, type_: str) -> Iterator[Json]:
        """Every resource of this type."""
        for path in sorted(self.folder.glob(f"{type_}-*.json")):
            document = json.loads(path.read_bytes())
            if document.get("resourceType") == type_:
                yield document

    def structures(self) -> Iterator[tuple[str, Json]]:
        """Element path of each type or backbone element → its kind and elements, in the order of the definition."""
        for definition in self.all("StructureDefinition"):
            if definition.get("derivation") == "constraint" or definition["kind"] not in ("resource", "complex-type"):
                continue
            yield from structure(definition)

    def search_parameters(self) -> Iterator[Json]:
        """HL7's own parameters (the package also holds examples and those of extensions)."""
        found = [
            parameter
            for parameter in self.all("SearchParameter")
            if parameter["url"].startswith(FHIR + "SearchParameter/") and not NOT_BASE.search(parameter["id"])
        ]
        by_url = {parameter["url"]: parameter for parameter in found}
        for parameter in sorted(by_url.values(), key=lambda p: str(p["id"])):
            kept = {member: parameter[member] for member in SEARCH_PARAMETER_MEMBERS if member in parameter}
            if "component" in parameter:
                kept["component"] = [
                    {"definition": part["definition"], "expression": part["expression"]}
                    for part in parameter["component"]
                ]
            yield kept

    def compartments(self) -> Iterator[tuple[str, Json]]:
        """Compartment code → resource type → parameter codes that make a resource a member."""
        for definition in self.all("CompartmentDefinition"):
            if definition["id"] == "example":
                continue
            members = {member["code"]: member["param"] for member in definition["resource"] if member.get("param")}
            yield definition["code"], members

    def required_codes(self, structures: Json) -> Json:
        """ValueSet url → system → codes, for each required binding that can be enumerated."""
        bound = {
            element["valueSet"]
            for structure_ in structures.values()
            for element in structure_["elements"].values()
            if "valueSet" in element
        }
        terminology = Terminology(self)
        sets = {url: terminology.codes(url) for url in sorted(bound)}
        return {url: codes for url, codes in sets.items() if codes}

    def terminology(self) -> Json:
        """Type → canonical url → what the server evaluates of HL7's CodeSystems and ValueSets, its examples left out.

        The set of all codes of a system (`CodeSystem.valueSet`) is written where HL7 only names it.
        """
        systems, sets = (
            {resource["url"]: kept(resource, TERMINOLOGY_MEMBERS) for resource in self.all(type_) if is_own(resource)}
            for type_ in ("CodeSystem", "ValueSet")
        )
        for url, system in systems.items():
            if "valueSet" in system and system["valueSet"] not in sets:
                dated = {member: system[member] for member in ("version", "date") if member in system}
                whole = {"url": system["valueSet"], **dated, "compose": {"include": [{"system": url}]}}
                sets[system["valueSet"]] = whole
        for url, value_set in filter(lambda item: is_own(item[1]), Terminology(self).published.items()):
            needed = set(whole_systems(sets.get(url, {})))
            if url not in sets or (expanded(value_set["expansion"]) and not needed <= systems.keys()):
                sets[url] = kept(value_set, TERMINOLOGY_MEMBERS)
        return {"CodeSystem": systems, "ValueSet": sets}


def whole_systems(value_set: Json) -> Iterator[str]:
    """The urls of the CodeSystems, with the version if one is named, that evaluating a ValueSet needs."""
    for include in value_set.get("compose", {}).get("include", ()):
        if "system" in include and "concept" not in include:
            yield include["system"] + (f"|{include['version']}" if "version" in include else "")


def is_own(resource: Json) -> bool:
    """Whether a CodeSystem or ValueSet is more than an example."""
    return EXAMPLE_TERMINOLOGY.match(resource["id"]) is None


def kept(value: Any, members: tuple[str, ...]) -> Any:
    """A tree of JSON with only these members, at whatever depth."""
    if isinstance(value, list):
        return [kept(item, members) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: kept(inner, members) for name, inner in value.items() if name in members}


class Terminology:
    """Enumerates value sets: from HL7's expansion where it is whole, else from `compose` over complete code systems."""

    def __init__(self, package: Package) -> None:
        self.value_sets = {value_set["url"]: value_set for value_set in package.all("ValueSet") if "url" in value_set}
        self.code_systems = {
            system["url"]: list(concepts(system.get("concept", ())))
            for system in package.all("CodeSystem")
            if system.get("content") == "complete"
        }
        bundle = json.loads((package.folder / "Bundle-valueset-expansions.json").read_bytes())
        self.published = {
            entry["resource"]["url"]: entry["resource"]
            for entry in bundle["entry"]
            if "expansion" in entry.get("resource", {})
        }
        self.expansions = {url: value_set["expansion"] for url, value_set in self.published.items()}

    def codes(self, url: str) -> dict[str, list[str]] | None:
        """System → codes of a value set, None where it cannot be enumerated."""
        expansion = self.expansions.get(url)
        if expansion and (found := expanded(expansion)):
            return found
        return self.composed(url, frozenset())

    def composed(self, url: str, seen: frozenset[str]) -> dict[str, list[str]] | None:
        """From `compose`; `seen` are the value sets on the way here."""
        url = url.partition("|")[0]
        value_set = self.value_sets.get(url)
        if value_set is None or url in seen or value_set.get("compose", {}).get("exclude"):
            return None
        found: dict[str, list[str]] = {}
        for include in value_set.get("compose", {}).get("include", ()):
            if "filter" in include:
                return None
            if "concept" in include:
                found.setdefault(include["system"], []).extend(concept["code"] for concept in include["concept"])
            elif "system" in include:
                if include["system"] not in self.code_systems:
                    return None
                found.setdefault(include["system"], []).extend(self.code_systems[include["system"]])
            for other in include.get("valueSet", ()):
                nested = self.composed(other, seen | {url})
                if nested is None:
                    return None
                for system, codes in nested.items():
                    found.setdefault(system, []).extend(codes)
        return found or None


def concepts(nested: Iterable[Json]) -> Iterator[str]:
    """All codes of a tree of concepts."""
    for concept in nested:
        yield concept["code"]
        yield from concepts(concept.get("concept", ()))


def expanded(expansion: Json) -> dict[str, list[str]] | None:
    """System → codes; None where HL7's expansion was cut short."""
    if any(parameter.get("name") == "limitedExpansion" for parameter in expansion.get("parameter", ())):
        return None
    found: dict[str, list[str]] = {}
    pending = list(expansion.get("contains", ()))[::-1]
    while pending:
        item = pending.pop()
        if "code" in item and not item.get("abstract"):
            found.setdefault(item["system"], []).append(item["code"])
        pending.extend(list(item.get("contains", ()))[::-1])
    total = expansion.get("total")
    if total is not None and total > sum(map(len, found.values())):
        return None
    return found or None


def structure(definition: Json) -> Iterator[tuple[str, Json]]:
    """The structures of one StructureDefinition: itself and its backbone elements."""
    root = definition["type"]
    elements = definition["snapshot"]["element"]
    parents = {element["path"].rpartition(".")[0] for element in elements}
    kinds = {"resource": "resource", "complex-type": "type"}
    kind = "abstract" if definition["abstract"] else kinds[definition["kind"]]
    found: dict[str, Json] = {root: {"kind": kind, "elements": {}}}
    for element in elements[1:]:
        path = element["path"]
        parent, _, name = path.rpartition(".")
        if path in parents:
            found[path] = {"kind": "backbone", "elements": {}}
        if element["max"] != "0":
            found[parent]["elements"][name] = element_digest(element, path, path in parents, is_root=parent == root)
    yield from found.items()


def element_digest(element: Json, path: str, is_backbone: bool, *, is_root: bool) -> Json:
    """What the server reads of an ElementDefinition."""
    digest: Json = {"min": element["min"], "max": element["max"], "types": []}
    if "contentReference" in element:
        digest["types"] = [element["contentReference"].removeprefix("#")]
    for type_ in element.get("type", ()):
        digest["types"].append(path if is_backbone else type_code(type_, element, is_root=is_root))
        targets = [profile.removeprefix(FHIR + "StructureDefinition/") for profile in type_.get("targetProfile", ())]
        if targets:
            digest.setdefault("targets", {})[type_["code"]] = targets
    binding = element.get("binding", {})
    if binding.get("strength") == "required" and "valueSet" in binding:
        digest["valueSet"] = binding["valueSet"].partition("|")[0]
    if element.get("isSummary"):
        digest["summary"] = True
    if element.get("isModifier"):
        digest["modifier"] = True
    if "xmlAttr" in element.get("representation", ()):
        digest["attribute"] = True
    return digest


def type_code(type_: Json, element: Json, *, is_root: bool) -> str:
    """The name of an element's type; FHIRPath system types are replaced by the FHIR type they stand for."""
    code: str = type_["code"]
    if not code.startswith(FHIRPATH_TYPE):
        return code
    if is_root and element["path"].endswith(".id") and element["base"]["path"] == "Resource.id":
        return "id"  # HL7's 4.0.1 data says string; the text of the specification says id
    for extension in type_.get("extension", ()):
        if extension["url"].endswith("fhir-type"):
            return str(extension.get("valueUrl") or extension.get("valueUri"))
    return "string"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
