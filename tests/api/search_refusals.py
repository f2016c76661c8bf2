"""Searches of the hospital in `search_corpus` that are a 400, and what the answer says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One search, and the words of one of the issues."""

    search: str
    says: str
    id: str


REFUSED = tuple(
    Refusal(search, says, str(number))
    for number, (search, says) in enumerate([
        ("Patient?famly=Muller", "famly is not a search parameter of Patient"),
        ("Patient?gender=male&gander=male", "gander is not a search parameter of Patient"),
        ("Patient?family:above=Muller",
         ("Search parameter family (string) of Patient does not take the modifier above; it takes "
         "contains, exact, missing")),
        ("Patient?family=...",
         ("Search parameter family=...: there is no letter or digit to look for; the modifier exact "
         "compares punctuation too")),
        ("Patient?birthdate=2023-02-30",
         ("Search parameter birthdate=2023-02-30: '2023-02-30' is not a date: day is out of range for "
         "month; prefixes are eq ne gt lt ge le sa eb ap")),
        ("Patient?birthdate=since2023",
         ("Search parameter birthdate=since2023: 'since2023' is not a date such as 2026, 2026-01, "
         "2026-01-31 or 2026-01-31T12:00:00Z; prefixes are eq ne gt lt ge le sa eb ap")),
        ("Patient?active=yes", "Search parameter active=yes: true or false is expected"),
        ("Patient?_id=a_b", "Search parameter _id=a_b: an id has 1 to 64 letters, digits, - and ."),
        ("Patient?gender:missing=maybe", "Search parameter gender:missing=maybe: true or false is expected"),
        ("Patient?gender=male,,female",
         "Search parameter gender=male,,female: an empty value between commas; a comma itself is \\,"),
        ("Observation?value-quantity=5|mg",
         ("Search parameter value-quantity=5|mg: a quantity is [number], [number]|[system]|[code] or "
         "[number]||[unit], such as 5.4||mg or 5.4|http://unitsofmeasure.org|mg; a | inside is written \\|")),
        ("Observation?code-value-quantity=2345-7",
         ("Search parameter code-value-quantity=2345-7: [code]$[value-quantity] is expected; a $ inside is "
         "written \\$")),
        ("Observation?code=a|b|c",
         ("Search parameter code=a|b|c: a token is [code], [system]|[code], |[code] or [system]|; a | "
         "inside is written \\|")),
        ("Observation?code:in=http://hospital.example/none",
         ("Search parameter code:in: ValueSet http://hospital.example/none is neither stored on this "
         "server nor one of HL7's")),
        ("Observation?code:in=http://hospital.example/sets-loinc",
         ("Search parameter code:in: ValueSet http://hospital.example/sets-loinc cannot be expanded: "
         "CodeSystem http://loinc.org is neither stored on this server nor one of HL7's; store it with "
         "its concepts")),
        ("Observation?code:below=dog", "Search parameter code:below=dog: below takes [system]|[code]"),
        ("Observation?subject=two words",
         "Search parameter subject=two words: an id, [type]/[id] or an absolute URL is expected"),
        ("Observation?subject=a/b/c",
         "Search parameter subject=a/b/c: an id, [type]/[id] or an absolute URL is expected"),
        ("Observation?subject=Foo/1",
         "Search parameter subject=Foo/1: an id, [type]/[id] or an absolute URL is expected"),
        ("Patient?family:=x",
         ("Search parameter family (string) of Patient does not take an empty modifier; it takes "
         "contains, exact, missing")),
        ("Observation?code.text=x", "code.text: code of Observation is a token; only a reference can be chained"),
        ("Bundle?composition.author:Practitioner.name=house",
         ("composition.author:Practitioner.name: Bundle.composition leads to a resource inside of the Bundle, which "
         "can be asked for its own values; not for the time of its last update, for other resources by links, or for "
         "hierarchies")),
        ("Observation?subject:Encounter.status=x",
         ("subject:Encounter.status: subject of Observation refers to Group, Device, Patient, Location, "
         "not Encounter")),
        ("Patient?_has:Observation:code:status=final",
         "_has:Observation:code:status: code of Observation is a token, not a reference"),
        ("Condition?_text=NOT diabetes",
         ("Search parameter _text=NOT diabetes: NOT and phrases in quotes are not understood; words, AND, "
         "OR, ( ) and * are")),
        ("Basic?_sort=shoe-size",
         ("Parameter _sort=shoe-size: 'shoe-size' cannot be sorted by; _id, _lastUpdated, _profile, "
         "_security, _source, _tag, author, code, created, identifier, patient, subject can")),
        ("Patient?_count=-1", "Parameter _count=-1: a number of at least 0 is expected"),
        ("Patient?_total=some", "Parameter _total=some: none, estimate or accurate is expected"),
        ("Patient?_cursor=forged",
         "Parameter _cursor is not one that this server gave for these parameters; start with page one"),
        ("Patient?_include=Patient:doctor",
         ("Parameter _include=Patient:doctor: 'doctor' is not a reference parameter of Patient; "
         "general-practitioner, link, organization can be followed")),
        ("Patient?_summary=text&_include=Patient:organization",
         "_summary=text cannot be given with _include or _revinclude"),
        ("?gender=female",
         ("gender is not a search parameter over all types; _content, _id, _lastUpdated, _list, _profile, _security, "
         "_source, _tag, _text and _type are")),
        ("ValueSet?url:below=urn:oid:1.2",
         ("Search parameter url:below=urn:oid:1.2: below takes a URL such as http://acme.org/fhir; a URN "
         "has no levels")),
        ('Patient?_filter=family xx "m"',
         ("Parameter _filter, at character 8 ('xx \"m\"'): an operator is expected, one of ap co eb eq ew ge gt in le "
         "lt ne ni po pr re sa sb ss sw")),
        ('Patient?_filter=name ew "m"',
         ("Parameter _filter, at character 1 ('name ew \"m\"'): name is a string parameter, which takes co eq pr sw, "
         "not ew")),
        ("Patient?_list=$current-patients",
         ("Search parameter _list=$current-patients: this server keeps no functional lists; name a List by its id")),
        ("Patient?_query=hospitals", "Search parameter _query: this server has no named queries"),
        ("Location?near=100|16",
         ("Search parameter near=100|16: a latitude is from -90 to 90, and then a longitude from -180 to 180")),
        ("Medication?code=A10BA02&_contained=true&_sort=code",
         "Parameter _contained=true: it cannot be combined with _sort"),
        ("Organization?partof.partof.partof.partof.partof.partof.partof.name=North",
         ("partof.partof.partof.partof.partof.partof.partof.name: At most 6 links can be followed")),
    ], 1)
)  # fmt: skip
