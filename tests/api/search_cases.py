"""What each kind of search parameter, modifier and prefix finds in the hospital of `search_corpus`, counted by hand.

Rule: a row is one search; `test_search_cases.py` runs each, and `docs/search.md` is made from the same rows. What a
modifier or prefix is declared for without a row here fails `tests/rules/test_docs.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from tests.api.search_corpus import ABROAD, FORM, LOINC, MRN, PETS, STATUSES, UCUM, V2

PLAIN = ""
OF_TYPE = ":[type]"
"""What stands in a row for each modifier that is a resource type."""
HERE = "[base]"
"""Stands in a search for the base url of the server that is asked."""


@dataclass(frozen=True, slots=True)
class Case:
    """One search and what it finds. `kind` is a parameter type, or what else the page has a table for; `how` the
    modifier with its colon, the prefix, or another word for the form that is shown. `search` is as a person would write
    it, nothing encoded. `finds` are ids, in the order of the answer where the search has a `_sort`; what comes along
    counts."""

    kind: str
    how: str
    search: str
    finds: str
    words: str
    id: str = ""


DATES = [
    Case("date", PLAIN, "Observation?date=2024-03-11", "sugar sugar-bob", "a day: what lies within it, whole"),
    Case("date", PLAIN, "Observation?date=2024-03", "sugar sugar-bob pressure",
         "a month; a Period without end is never within"),
    Case("date", PLAIN, "Observation?date=2024-03-11T08:30:00Z", "sugar",
         "an instant in another time zone: 09:30+01:00"),
    Case("date", PLAIN, "Encounter?date=2024-03", "stay", "a Period"),
    Case("date", PLAIN, "Encounter?date=2024-03,2024-04", "stay visit", "one or the other"),
    Case("date", "eq", "Observation?date=eq2024-03-11", "sugar sugar-bob", "the same as without a prefix"),
    Case("date", "ne", "Observation?date=ne2024-03-11", "traces pressure", "some of it lies outside"),
    Case("date", "gt", "Observation?date=gt2024-03-11", "traces pressure", "some of it lies after that day"),
    Case("date", "lt", "Observation?date=lt2024-03-11", "traces pressure", "some of it lies before that day"),
    Case("date", "ge", "Encounter?date=ge2024-03-11", "stay visit",
         "some of it lies after that day, or all of it within"),
    Case("date", "ge", "Encounter?date=ge2024-03-12", "visit", "not what begins before that day and ends on it"),
    Case("date", "le", "Observation?date=le2024-03-10", "pressure", "some of it lies before, or all of it within"),
    Case("date", "sa", "Observation?date=sa2024-03-10", "sugar sugar-bob", "it begins after that day"),
    Case("date", "eb", "Observation?date=eb2024-03-12", "sugar sugar-bob", "it ends before that day"),
    Case("date", "ap", "Patient?birthdate=ap1950", "ann", "within a tenth of the time between now and then"),
    Case("date", "ge", "Observation?date=ge2024-03-11&date=lt2024-03-12", "sugar sugar-bob traces pressure",
         "given twice, both must hold: what overlaps with the day"),
    Case("date", "ge", "ServiceRequest?occurrence=ge2024-05-02", "scans",
         "a Timing lasts from its first event to its last"),
    Case("date", ":missing", "Observation?date:missing=true", "pug dog cat", "without a value; false: with one"),
]  # fmt: skip

NUMBERS = [
    Case("number", PLAIN, "RiskAssessment?probability=0.2", "risk-2", "what rounds to it: 0.15 to 0.25"),
    Case("number", PLAIN, "RiskAssessment?probability=8e-1", "risk-8", "with an exponent"),
    Case("number", "eq", "RiskAssessment?probability=eq0.20", "risk-2", "the same as without a prefix"),
    Case("number", "ne", "RiskAssessment?probability=ne0.2", "risk-8 risk-1-5", "what does not round to it"),
    Case("number", "gt", "RiskAssessment?probability=gt0.5", "risk-8",
         "more than exactly 0.5; of a Range the end counts"),
    Case("number", "lt", "RiskAssessment?probability=lt0.2", "risk-1-5", "less; of a Range the beginning counts"),
    Case("number", "ge", "RiskAssessment?probability=ge0.5", "risk-8 risk-1-5", "as much or more"),
    Case("number", "le", "RiskAssessment?probability=le0.2", "risk-2 risk-1-5", "as much or less"),
    Case("number", "sa", "RiskAssessment?probability=sa0.2", "risk-8", "all of a Range is above"),
    Case("number", "eb", "RiskAssessment?probability=eb0.5", "risk-2", "all of a Range is below"),
    Case("number", "ap", "RiskAssessment?probability=ap0.21", "risk-2 risk-1-5", "a tenth more or less"),
    Case("number", ":missing", "RiskAssessment?probability:missing=false", "risk-2 risk-8 risk-1-5", "with a value"),
]  # fmt: skip

QUANTITIES = [
    Case("quantity", PLAIN, f"Observation?value-quantity=126|{UCUM}|mg/dL", "sugar",
         "number, system and code of the unit"),
    Case("quantity", PLAIN, f"Observation?value-quantity=90|{UCUM}|mg/dL", "sugar-bob", "converted: 0.9 g/L is found"),
    Case("quantity", PLAIN, "Observation?value-quantity=126||mg/dL", "sugar",
         "a unit by its code or its words, not converted"),
    Case("quantity", PLAIN, "Observation?value-quantity=126", "sugar", "a number alone is compared with numbers alone"),
    Case("quantity", PLAIN, "Invoice?totalgross=99.5|urn:iso:std:iso:4217|EUR", "bill",
         "Money: the system of currencies"),
    Case("quantity", "eq", f"Observation?value-quantity=eq1.26|{UCUM}|g/L", "sugar",
         "what rounds to it: 1.255 to 1.265 g/L"),
    Case("quantity", "ne", f"Observation?value-quantity=ne90|{UCUM}|mg/dL", "sugar traces", "what does not"),
    Case("quantity", "gt", f"Observation?value-quantity=gt100|{UCUM}|mg/dL", "sugar", "more"),
    Case("quantity", "lt", f"Observation?value-quantity=lt90|{UCUM}|mg/dL", "traces", "less; <5 is all below 5"),
    Case("quantity", "ge", f"Observation?value-quantity=ge126|{UCUM}|mg/dL", "sugar", "as much or more"),
    Case("quantity", "le", f"Observation?value-quantity=le90|{UCUM}|mg/dL", "sugar-bob traces", "as much or less"),
    Case("quantity", "sa", f"Observation?value-quantity=sa90|{UCUM}|mg/dL", "sugar", "all of it is above"),
    Case("quantity", "eb", f"Observation?value-quantity=eb90|{UCUM}|mg/dL", "traces", "all of it is below"),
    Case("quantity", "ap", f"Observation?value-quantity=ap130|{UCUM}|mg/dL", "sugar", "a tenth more or less"),
    Case("quantity", "gt", "Invoice?totalnet=gt100||USD", "bill-usd", "Money by its currency alone"),
    Case("quantity", ":missing", "Invoice?totalnet:missing=true", "bill", "without a value"),
]  # fmt: skip

STRINGS = [
    Case("string", PLAIN, "Patient?family=MULLER", "ann bob", "what begins so, without case and accents"),
    Case("string", PLAIN, "Patient?family=obrien", "cas", "and without punctuation: O'Brien"),
    Case("string", PLAIN, "Patient?name=bob,ann", "ann bob", "any part of a name; one or the other"),
    Case("string", PLAIN, "Patient?phonetic=Obrian", "cas", "phonetic: words by their sound"),
    Case("string", ":exact", "Patient?family:exact=Muller", "bob", "the same characters, all of them"),
    Case("string", ":exact", "Organization?name:exact=North\\, Clinic", "clinic",
         "a comma inside is written `\\,`"),
    Case("string", ":contains", "Patient?family:contains=denscheidt", "ann", "anywhere in it"),
    Case("string", ":missing", "Patient?given:missing=true", "cas", "without a value"),
]  # fmt: skip

TOKENS = [
    Case("token", PLAIN, f"Observation?code={LOINC}|2345-7", "sugar sugar-bob", "system and code"),
    Case("token", PLAIN, "Observation?code=dog", "dog", "a code of any system; codes without case"),
    Case("token", PLAIN, f"Observation?code={PETS}|", "pug dog", "any code of a system"),
    Case("token", PLAIN, "Patient?identifier=|a1", "bob", "a value that has no system; identifiers with case"),
    Case("token", PLAIN, f"Patient?identifier={MRN}|A1", "ann", "an Identifier"),
    Case("token", PLAIN, "Patient?gender=female", "ann", "a code, whose system need not be given"),
    Case("token", PLAIN, "Patient?active=true", "ann", "a boolean"),
    Case("token", PLAIN, "Patient?phone=555-0101", "ann", "a ContactPoint"),
    Case("token", ":not", "Patient?gender:not=female", "bob cas", "all others, also those without a value"),
    Case("token", ":text", "Observation?code:text=pug", "pug", "text and display begin so, as a string does"),
    Case("token", ":in", "Observation?code:in=http://hospital.example/sets/dogs", "pug dog",
         "a code of a value set, by its url"),
    Case("token", ":in", "Observation?code:in=http://hospital.example/sets/dogs|1", "pug dog", "by url and version"),
    Case("token", ":in", "Observation?code:in=ValueSet/dogs", "pug dog", "one that is stored here, by its address"),
    Case("token", ":in", f"Observation?status:in={STATUSES}&code:text=a cat", "cat", "one of HL7's own"),
    Case("token", ":not-in", f"Observation?code:not-in=ValueSet/dogs&status:in={STATUSES}&date:missing=true", "cat",
         "all others, also those without a value"),
    Case("token", ":below", f"Observation?code:below={PETS}|dog", "pug dog",
         "the code and all below it in its CodeSystem"),
    Case("token", ":below", "DocumentReference?contenttype:below=text/xml", "letter older",
         "a media type with any parameters"),
    Case("token", ":above", f"Observation?code:above={PETS}|pug", "pug dog", "the code and all above it"),
    Case("token", ":of-type", f"Patient?identifier:of-type={V2}|MR|A1", "ann", "an identifier by its type and value"),
    Case("token", ":missing", "Patient?gender:missing=true", "cas", "without a value"),
]  # fmt: skip

REFERENCES = [
    Case("reference", PLAIN, "Observation?subject=ann", "sugar pressure", "an id, of any type that it may refer to"),
    Case("reference", PLAIN, "Observation?subject=Patient/ann", "sugar pressure", "type and id"),
    Case("reference", PLAIN, f"Observation?subject={HERE}/Patient/ann", "sugar pressure", "this server's own address"),
    Case("reference", PLAIN, f"Observation?subject={ABROAD}/Patient/ann", "traces", "an address elsewhere"),
    Case("reference", PLAIN, "Observation?has-member=Observation/pug", "cat",
         "a reference to a version is one to the resource"),
    Case("reference", PLAIN, f"QuestionnaireResponse?questionnaire={FORM}", "answer-1 answer-2",
         "a canonical: any version"),
    Case("reference", PLAIN, f"QuestionnaireResponse?questionnaire={FORM}|2.0", "answer-2",
         "a canonical with its version"),
    Case("reference", OF_TYPE, "Observation?subject:Group=choir", "dog", "an id of one type"),
    Case("reference", ":identifier", f"Observation?subject:identifier={MRN}|A1", "pug",
         "Reference.identifier, as a token"),
    Case("reference", ":below", "Encounter?location:below=campus", "stay visit", "a place and all that are part of it"),
    Case("reference", ":below", f"QuestionnaireResponse?questionnaire:below={FORM}|1", "answer-1",
         "of a canonical the version and those that begin with it: 1.0"),
    Case("reference", ":above", "Encounter?location:above=ward", "stay visit", "a place and all that it is part of"),
    Case("reference", ":missing", "Observation?subject:missing=true", "cat",
         "without a value; an identifier alone is one"),
]  # fmt: skip

URIS = [
    Case("uri", PLAIN, "ValueSet?url=http://hospital.example/sets/dogs", "dogs", "the same characters"),
    Case("uri", PLAIN, "Basic?_profile=http://hospital.example/pet", "pet", "a canonical: any version"),
    Case("uri", ":below", "ValueSet?url:below=http://hospital.example/sets", "dogs dogs-old",
         "the url and what begins with it and a slash"),
    Case("uri", ":above", "ValueSet?url:above=http://hospital.example/sets/dogs/old", "dogs dogs-old",
         "the url and its beginnings"),
    Case("uri", ":missing", "Basic?_profile:missing=false", "pet", "with a value"),
]  # fmt: skip

COMPOSITES = [
    Case("composite", PLAIN, f"Observation?code-value-quantity={LOINC}|2345-7$gt100|{UCUM}|mg/dL", "sugar",
         "both of the same element; the quantity may have a prefix"),
    Case("composite", PLAIN, "Observation?component-code-value-quantity=8480-6$gt140", "pressure",
         "of the same component"),
    Case("composite", PLAIN, "Observation?component-code-value-quantity=8462-4$gt140", "", "not of two components"),
    Case("composite", PLAIN, "DocumentReference?relationship=replaces$DocumentReference/older", "letter",
         "a code and a reference"),
    Case("composite", ":missing", "DocumentReference?relationship:missing=true", "older", "without a value"),
]  # fmt: skip

SPECIAL = [
    Case("special", PLAIN, "Location?near=48.21|16.37|1|km", "campus", "latitude, longitude, distance, unit"),
    Case("special", PLAIN, "Location?near=48.21|16.37", "campus", "within 50 km, where no distance is given"),
    Case("special", PLAIN, "Location?near=48.21|16.37|100|[mi_us]", "campus elsewhere", "any unit of length in UCUM"),
    Case("special", ":missing", "Location?near:missing=true", "wing ward", "without a position"),
]

COMMON = [
    Case("common", "_id", "Patient?_id=ann,cas", "ann cas", "ids"),
    Case("common", "_lastUpdated", "Patient?_lastUpdated=ge2020-01-01", "ann bob cas", "all prefixes of a date"),
    Case("common", "_tag", f"Patient?_tag={PETS}|owner", "ann", "a token of `meta.tag`"),
    Case("common", "_security", "Patient?_security=R", "bob", "a token of `meta.security`"),
    Case("common", "_profile", "Basic?_profile=http://hospital.example/pet|2.0", "pet", "a uri of `meta.profile`"),
    Case("common", "_source", "Patient?_source=http://hospital.example/desk", "ann", "a uri of `meta.source`"),
    Case("common", "_text", "Condition?_text=diabetes AND (lady OR man)", "diabetes",
         "words of the narrative, with AND and OR"),
    Case("common", "_text", "Condition?_text=fract*", "fracture", "the beginning of a word"),
    Case("common", "_content", "Condition?_content=type diabetes", "diabetes",
         "words of all texts, where the setting allows it"),
    Case("common", "_list", "Patient?_list=watched", "ann cas", "what a List on this server refers to"),
    Case("common", "_type", "?_type=Patient,Practitioner&_id=ann,house", "ann house", "at the root: some types"),
    Case("common", "_type", f"?_tag={PETS}|owner", "ann", "at the root: all types"),
]  # fmt: skip

FILTERS = [
    Case("_filter", "eq", 'Patient?_filter=family eq "muller"', "bob", "a string as a whole, folded"),
    Case("_filter", "eq", f"Observation?_filter=code eq {LOINC}|2345-7", "sugar sugar-bob", "a token"),
    Case("_filter", "ne", "Patient?_filter=gender ne female", "bob", "another value; not without one"),
    Case("_filter", "sw", 'Patient?_filter=family sw "mull"', "ann bob", "it begins so"),
    Case("_filter", "co", 'Patient?_filter=family co "denscheidt"', "ann", "it contains it"),
    Case("_filter", "co", 'Condition?_filter=_text co "diabetes"', "diabetes", "of `_text` and `_content` the words"),
    Case("_filter", "gt", "RiskAssessment?_filter=probability gt 0.5", "risk-8", "a number"),
    Case("_filter", "lt", "RiskAssessment?_filter=probability lt 0.2", "risk-1-5", "a number"),
    Case("_filter", "ge", "Encounter?_filter=date ge 2024-03-12", "visit", "a date"),
    Case("_filter", "le", "Observation?_filter=date le 2024-03-10", "pressure", "a date"),
    Case("_filter", "sa", "Observation?_filter=date sa 2024-03-10", "sugar sugar-bob", "a date"),
    Case("_filter", "eb", "Observation?_filter=date eb 2024-03-12", "sugar sugar-bob", "a date"),
    Case("_filter", "ap", f"Observation?_filter=value-quantity ap 130|{UCUM}|mg/dL", "sugar", "a quantity"),
    Case("_filter", "po", "Encounter?_filter=date po 2024-03-12", "stay", "it overlaps with the time"),
    Case("_filter", "pr", "Patient?_filter=gender pr false", "cas", "whether there is a value"),
    Case("_filter", "ss", f"Observation?_filter=code ss {PETS}|dog", "pug dog", "the value is the code or below it"),
    Case("_filter", "sb", f"Observation?_filter=code sb {PETS}|pug", "pug dog", "the value is the code or above it"),
    Case("_filter", "in", "Observation?_filter=code in ValueSet/dogs", "pug dog", "of a value set"),
    Case("_filter", "ni", "Observation?_filter=code ni ValueSet/dogs and date pr false", "cat", "not of it"),
    Case("_filter", "re", "Observation?_filter=subject re Patient/ann", "sugar pressure", "it refers to it"),
    Case("_filter", "and or not", 'Patient?_filter=gender eq male or (family sw "o" and not (gender pr true))',
         "bob cas", "from left to right; parentheses bind"),
    Case("_filter", "chain", 'Observation?_filter=subject:Patient.organization.name sw "north"', "sugar pressure",
         "over links"),
]  # fmt: skip

LINKS = [
    Case("links", "chain", "Observation?patient.family=mueller,muller", "sugar sugar-bob pressure",
         "what the reference leads to has it"),
    Case("links", "chain", "Observation?subject:Patient.birthdate=lt1960", "sugar pressure", "of one type"),
    Case("links", "chain", "QuestionnaireResponse?questionnaire.title=intake", "answer-2",
         "along a canonical, which leads to the version that it gives"),
    Case("links", "chain", "Bundle?composition.title=discharge", "letter",
         "the first resource of a document or message, which is inside of it"),
    Case("links", "chain",
         "Bundle?composition.title:contains=letter&composition.date=2024-03&composition.status:not=amended", "letter",
         "by several of its values"),
    Case("links", "chain", "Observation?patient.organization.partof=trust", "sugar pressure", "over several links"),
    Case("links", "_has", f"Patient?_has:Observation:patient:code={LOINC}|2345-7", "ann bob",
         "something that refers here has it"),
    Case("links", "_has", f"Organization?_has:Patient:organization:_has:Observation:patient:code={LOINC}|85354-9",
         "clinic", "over several links"),
    Case("links", "_has", "Patient?_has:Encounter:patient:location.name=wing", "bob", "with a chain behind it"),
    Case("links", "_include", "Encounter?_id=stay&_include=Encounter:subject", "stay ann",
         "what the matches refer to comes along"),
    Case("links", "_include", "Encounter?_id=stay&_include=Encounter:*", "stay ann ward", "by every parameter"),
    Case("links", "_include:iterate", "Encounter?_id=stay&_include=Encounter:location&_include:iterate=Location:partof",
         "stay ward wing campus", "and what that refers to"),
    Case("links", "_revinclude", "Encounter?_id=stay&_revinclude=Observation:encounter", "stay sugar",
         "what refers to the matches"),
    Case("links", "_revinclude:iterate", "Organization?_id=trust&_revinclude:iterate=Organization:partof",
         "trust clinic", "and what refers to that"),
]  # fmt: skip

COMPARTMENTS = [
    Case("compartments", "one type", "Patient/ann/Observation?", "sugar pressure", "what is in it, of one type"),
    Case("compartments", "one type", "Patient/ann/Observation?code=2345-7", "sugar", "with any criteria"),
    Case("compartments", "all types", "Patient/bob/*?", "bob sugar-bob visit", "of all types; the patient is in it"),
    Case("compartments", "$everything", "Patient/bob/$everything?", "bob trust sugar-bob visit wing house",
         "and what these refer to that is no patient's"),
]  # fmt: skip

RESULTS = [
    Case("results", "_sort", "Patient?_sort=birthdate", "ann bob cas", "ascending"),
    Case("results", "_sort", "Patient?_sort=-gender,birthdate", "bob ann cas",
         "several keys; those without a value last when descending"),
    Case("results", "_sort", "Encounter?_sort=-patient.birthdate", "visit stay", "what a reference leads to"),
    Case("results", "_count", "Patient?_sort=birthdate&_count=2", "ann bob", "at most so many on a page"),
    Case("results", "_contained", "Medication?code=A10BA02&_contained=true&_containedType=contained", "inside",
         "contained resources themselves"),
    Case("results", "_contained", "Medication?code=A10BA02&_contained=both", "pills",
         "or what holds them; both: beside those that are not contained"),
]  # fmt: skip


def _numbered(rows: list[Case]) -> Iterator[Case]:
    """The rows with the ids of their tests: `token:in-2`."""
    numbers: dict[str, Iterator[int]] = {}
    for row in rows:
        name = f"{row.kind}-{row.how}" if row.how and not row.how.startswith(":") else f"{row.kind}{row.how}"
        number = next(numbers.setdefault(name, count(1)))
        yield replace(row, id=f"{name}-{number}".replace(" ", "-"))


CASES = tuple(
    _numbered([
        *STRINGS, *TOKENS, *REFERENCES, *URIS, *DATES, *NUMBERS, *QUANTITIES, *COMPOSITES, *SPECIAL, *COMMON, *FILTERS,
        *LINKS, *COMPARTMENTS, *RESULTS,
    ])
)  # fmt: skip
