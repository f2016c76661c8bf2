"""Whatever bytes come in, a codec answers with a value or a BadRequest; whatever value goes out comes back exact."""

import json
import re
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from resources import json_codec, narrative, xml_codec
from resources.outcome import BadRequest, NotAcceptable

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
numbers = st.from_regex(r"\A-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?\Z")
"""JSON numbers as they may be written."""


def written(value: Any) -> str:
    """The JSON text of a value whose numbers are given as they are to be written."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{written(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return value[0] if isinstance(value, tuple) else json.dumps(value, ensure_ascii=False)


leaves = texts | st.booleans() | st.none() | st.tuples(numbers)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)
fragments = st.lists(
    st.sampled_from(
        ["{", "}", "[", "]", ",", ":", '"', '"a"', r'"\u0061"', r"\u003a", r"\u0000", r"\ud800", "-0", "1.50", "1e9999",
         "NaN", "true", "null", " ", "\n", "\0", "\ufeff", '"resourceType":"Patient"', "9" * 30]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(values)
def test_json_comes_back_with_every_digit(value: Any) -> None:
    text = written(value)
    again = json_codec.encode(json_codec.decode(text.encode()))
    assert json.loads(again, parse_float=str, parse_int=str) == json.loads(text, parse_float=str, parse_int=str)
    assert json_codec.encode(json_codec.decode(json_codec.pretty(again))) == again


@settings(max_examples=300, deadline=None)
@given(fragments.map(str.encode) | st.binary(max_size=30) | values.map(written).map(str.encode), st.integers(0, 400))
def test_json_is_decoded_or_refused(raw: bytes, cut: int) -> None:
    for body in (raw, raw[:cut]):
        with suppress(BadRequest):
            json_codec.decode(body)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", ":", "é"]), st.sampled_from(["1", '":"', "{}", r'"\u003a"'])), max_size=4
    )
)
def test_members_that_occur_twice_are_refused(members: list[tuple[str, str]]) -> None:
    """However they are written: escaped, with colons in names and values."""
    names = [name for name, _ in members]
    for ascii_only in (True, False):
        text = "{" + ", ".join(f"{json.dumps(n, ensure_ascii=ascii_only)} :{v}" for n, v in members) + "}"
        try:
            decoded = json_codec.decode(text.encode())
        except BadRequest:
            assert len(set(names)) < len(names)
        else:
            assert list(decoded) == names


@settings(max_examples=200, deadline=None)
@given(numbers)
def test_a_decimal_is_what_its_text_says(text: str) -> None:
    value = json_codec.decode(text.encode())
    assert value == Decimal(text)
    assert str(value) == text


extras = st.fixed_dictionaries({}, optional={"id": texts, "extension": st.just([{"url": "u", "valueBoolean": True}])})
codings = st.fixed_dictionaries({}, optional={"system": texts, "display": texts, "userSelected": st.booleans()})


@st.composite
def patients(draw: st.DrawFn) -> dict[str, Any]:
    """Patients with everything that is special in XML: aligned arrays, extensions, contained resources, decimals."""
    items = draw(st.lists(st.tuples(texts | st.none(), extras), min_size=1, max_size=4))
    items = [(value, extra) for value, extra in items if value is not None or extra]
    name: dict[str, Any] = {}
    if any(value is not None for value, _ in items):
        name["given"] = [value for value, _ in items]
    if any(extra for _, extra in items):
        name["_given"] = [extra or None for _, extra in items]
    coding = draw(codings)
    decimal = draw(numbers)
    inner: dict[str, Any] = {"resourceType": "Observation", "id": "o"}
    inner["valueQuantity"] = {"value": json_codec.decode(decimal.encode())}
    patient: dict[str, Any] = {"resourceType": "Patient", "id": "p", "contained": [inner]}
    patient |= {"active": draw(st.booleans()), "multipleBirthInteger": draw(st.integers(-9, 9))}
    patient |= {"name": [name]} if name else {}
    return patient | ({"maritalStatus": {"coding": [coding]}} if coding else {})


@settings(max_examples=200, deadline=None)
@given(patients())
def test_resources_come_back_through_xml(patient: dict[str, Any]) -> None:
    try:
        document = xml_codec.encode(patient)
    except NotAcceptable as refused:
        assert re.search(r"character U\+(00[01][0-9A-F]|FFFE|FFFF) does not exist", str(refused))  # noqa: PT017
        return
    back = xml_codec.decode(document)
    assert json_codec.encode_sorted(back) == json_codec.encode_sorted(patient)
    assert xml_codec.encode(back) == document


PATIENT = '<Patient xmlns="http://hl7.org/fhir">'
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'
pieces = st.lists(
    st.sampled_from(
        [PATIENT, "</Patient>", '<active value="true"/>', '<active value="x">', "</active>", "<text>", "</text>",
         DIV, f"{DIV[:-1]}/>", "</div>", "<b>", "</b>", "&nbsp;", "&amp;", "&#0;", "<name>", "</name>", "<div>",
         '<given value="a"/>', '<given id="b">', "</given>", '<extension url="u">', "</extension>", "<contained>",
         "</contained>", "<valueDecimal value='1e9999'/>", "<!DOCTYPE a>", "<!-- c -->", "<?p?>", "<![CDATA[x]]>",
         "text", "<h:div xmlns:h='http://www.w3.org/1999/xhtml'>", "</h:div>", "\0", '<birthDate value="1"/>', " ",
         "<unknown/>", "\ufeff"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(pieces.map(str.encode) | pieces.map(f"{PATIENT}{{}}</Patient>".format).map(str.encode) | st.binary(max_size=30))
def test_xml_is_decoded_or_refused(raw: bytes) -> None:
    try:
        resource = xml_codec.decode(raw)
    except BadRequest:
        return
    assert json_codec.encode_sorted(xml_codec.decode(xml_codec.encode(resource))) == json_codec.encode_sorted(resource)


@settings(max_examples=300, deadline=None)
@given(st.recursive(
    texts | st.sampled_from(["&nbsp;", "&amp;", "&#160;", "&unknown;", "]]>", "<!-- c -->"]),
    lambda inner: st.lists(inner, max_size=3).map("".join).map("<p title='>'>{}</p>".format), max_leaves=6,
))  # fmt: skip
def test_a_narrative_that_fits_stands_unchanged(inner: str) -> None:
    div = f'<div xmlns="{narrative.XHTML}">{inner}</div>'
    resource = {"resourceType": "Patient", "text": {"status": "generated", "div": div}}
    with suppress(NotAcceptable):
        back = xml_codec.decode(xml_codec.encode(resource))["text"]["div"]
        assert back == div.replace("&nbsp;", "\xa0")
