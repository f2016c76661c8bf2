from decimal import Decimal
from typing import Any

import pytest

from resources import json_codec, xml_codec
from resources.outcome import BadRequest, NotAcceptable, PayloadTooLarge

Json = dict[str, Any]
FHIR = 'xmlns="http://hl7.org/fhir"'
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def patient(inner: str) -> bytes:
    return f"<Patient {FHIR}>{inner}</Patient>".encode()


def written(resource: Json) -> str:
    """The document without declaration and root."""
    text = xml_codec.encode(resource).decode()
    type_ = resource["resourceType"]
    start = f'<?xml version="1.0" encoding="UTF-8"?><{type_} {FHIR}>'
    assert text.startswith(start)
    return text.removeprefix(start).removesuffix(f"</{type_}>")


PAIRS: list[tuple[str, Json]] = [
    ('<active value="true"/>', {"active": True}),
    ('<birthDate value="1974-12"/>', {"birthDate": "1974-12"}),
    ('<deceasedBoolean value="false"/>', {"deceasedBoolean": False}),
    ('<multipleBirthInteger value="-3"/>', {"multipleBirthInteger": -3}),
    (
        '<birthDate id="b"><extension url="u"><valueTime value="14:35:45"/></extension></birthDate>',
        {"_birthDate": {"id": "b", "extension": [{"url": "u", "valueTime": "14:35:45"}]}},
    ),
    (
        '<birthDate value="1974"><extension id="e" url="u"><valueDecimal value="1.50"/></extension></birthDate>',
        {"birthDate": "1974",
         "_birthDate": {"extension": [{"id": "e", "url": "u", "valueDecimal": Decimal("1.50")}]}},
    ),
    (
        '<name id="n"><given value="a"/><given id="g"/><given value="c"/></name>',
        {"name": [{"id": "n", "given": ["a", None, "c"], "_given": [None, {"id": "g"}, None]}]},
    ),
    ('<name><given id="g"/></name>', {"name": [{"_given": [{"id": "g"}]}]}),
    (
        '<contained><Patient><id value="p"/></Patient></contained><contained><Basic/></contained>',
        {"contained": [{"resourceType": "Patient", "id": "p"}, {"resourceType": "Basic"}]},
    ),
    ('<name><text value="a&amp;&lt;&gt;&quot;\'&#9;&#10;&#13;é\U0001f600"/></name>',
     {"name": [{"text": "a&<>\"'\t\n\ré\U0001f600"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "members"), PAIRS)
def test_both_ways(text: str, members: Json) -> None:
    resource = {"resourceType": "Patient", **members}
    assert xml_codec.decode(patient(text)) == resource
    assert written(resource) == text


@pytest.mark.parametrize("digits", ["1.50", "1E3", "0.00000001", "-0.0", "-0", "7", "9" * 40, "1.5e-7"])
def test_digits_stay(digits: str) -> None:
    text = f'<valueQuantity><value value="{digits}"/></valueQuantity>'
    resource = xml_codec.decode(f"<Observation {FHIR}>{text}</Observation>".encode())
    assert json_codec.encode(resource["valueQuantity"]) == f'{{"value":{digits}}}'.encode()
    assert written(resource) == text


def test_elements_are_written_in_the_order_of_the_definition() -> None:
    resource: Json = {"birthDate": "2000", "name": [{"given": ["b"], "family": "a"}]}
    resource |= {"resourceType": "Patient", "id": "1"}
    name = '<name><family value="a"/><given value="b"/></name>'
    assert written(resource) == f'<id value="1"/>{name}<birthDate value="2000"/>'


def test_pretty_changes_white_space_between_elements_only() -> None:
    div = f"<div {XHTML}><p>a</p>\n</div>"
    resource: Json = {"resourceType": "Patient", "text": {"div": div}, "contained": [{"resourceType": "Basic"}]}
    assert xml_codec.encode(resource, pretty=True).decode() == (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Patient {FHIR}>\n  <text>\n    {div}\n  </text>\n'
        "  <contained>\n    <Basic/>\n  </contained>\n</Patient>"
    )
    assert xml_codec.decode(xml_codec.encode(resource, pretty=True)) == resource


def test_elements_are_read_in_any_order() -> None:
    resource = xml_codec.decode(patient('<name><text value="a"/></name><id value="1"/><name><text value="b"/></name>'))
    assert resource == {"resourceType": "Patient", "name": [{"text": "a"}, {"text": "b"}], "id": "1"}


def test_resources_of_a_bundle() -> None:
    text = (
        '<type value="collection"/><entry><resource><Patient><active value="true"/></Patient></resource></entry>'
        '<entry><resource><Bundle><type value="batch"/></Bundle></resource></entry>'
    )
    bundle = xml_codec.decode(f"<Bundle {FHIR}>{text}</Bundle>".encode())
    assert bundle["entry"][0]["resource"] == {"resourceType": "Patient", "active": True}
    assert bundle["entry"][1]["resource"] == {"resourceType": "Bundle", "type": "batch"}
    assert written(bundle) == text


def test_comments_instructions_prefixes_and_schema_locations_are_read_over() -> None:
    raw = (
        '\ufeff<?xml version="1.0" encoding="UTF-8"?><!-- c --><?pi x?>'
        '<f:Patient xmlns:f="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:schemaLocation="http://hl7.org/fhir patient.xsd"><!-- c -->\n'
        ' <f:active value="true"><?pi?></f:active>\n</f:Patient>'
    )
    assert xml_codec.decode(raw.encode()) == {"resourceType": "Patient", "active": True}


def test_a_value_that_does_not_fit_stays_for_the_validation() -> None:
    raw = patient('<active value="perhaps"/><multipleBirthInteger value="1.0"/>')
    assert xml_codec.decode(raw) == {"resourceType": "Patient", "active": "perhaps", "multipleBirthInteger": "1.0"}


DIVS = [
    f"<div {XHTML}/>",
    f"<div {XHTML}></div>",
    f"<div  {XHTML} class='a' ><p>x &amp; y &#160;\u00a0<br/><br></br></p>\r\n\t</div >",
    f"<div {XHTML}><!-- c --><?pi x?><![CDATA[<z>]]></div>",
    f"<div {XHTML} title='/>'><div>in</div><img alt=\">\" src='#a'/></div>",
    f'<div xml:lang="en" {XHTML}><svg xmlns="http://www.w3.org/2000/svg"><path d="M0"/></svg></div>',
    f'<div {XHTML} xmlns:x="http://x.example"><x:y x:a="1"/></div>',
]


@pytest.mark.parametrize("div", DIVS)
def test_narrative_stays_byte_for_byte(div: str) -> None:
    text = f'<text><status value="generated"/>{div}</text>'
    resource = xml_codec.decode(patient(text))
    assert resource["text"]["div"] == div
    assert written(resource) == text


def test_narrative_that_leans_on_outer_prefixes_is_written_anew() -> None:
    raw = (
        '<f:Patient xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"><f:text>'
        '<h:div xml:lang="en"><h:p class="a&amp;b">x &lt; y</h:p></h:div></f:text></f:Patient>'
    )
    div = xml_codec.decode(raw.encode())["text"]["div"]
    assert div == f'<div {XHTML} xml:lang="en"><p class="a&amp;b">x &lt; y</p></div>'


def test_entities_of_html_become_characters_and_a_missing_namespace_is_added() -> None:
    resource: Json = {"resourceType": "Patient", "text": {"div": " <div>a&nbsp;b&amp;</div> "}}
    assert written(resource) == f"<text><div {XHTML}>a\u00a0b&amp;</div></text>"


@pytest.mark.parametrize(
    "div",
    ["", "x", "<div>", "<p/>", "<div/><div/>", "<div>&unheard;</div>", "<div><p></div>", "<!DOCTYPE a><div/>",
     f"<div {XHTML}/><!-- c -->x", '<div xmlns="http://other.example"/>', "<div>\x01</div>", 1, None, ["<div/>"],
     "<?xml version='1.0'?><div/>"],
)  # fmt: skip
def test_narrative_that_is_no_div_is_not_written(div: Any) -> None:
    with pytest.raises(NotAcceptable, match="narrative"):
        xml_codec.encode({"resourceType": "Patient", "text": {"div": div}})


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not XML: no element found at line 1, column 1"),
        (b"{}", "not XML: not well-formed"),
        (b"<Patient", "not XML: unclosed token"),
        (patient("<active>"), "not XML: mismatched tag at line 1"),
        (patient("") + b"x", "not XML: junk after document element"),
        (b"<Patient/>", "not in the namespace http://hl7.org/fhir"),
        (f"<Unheard {FHIR}/>".encode(), "Unheard is not a resource type"),
        (patient('<active value="\x00"/>'), "not well-formed"),
        (b"<Patient xmlns='http://hl7.org/fhir'><id value='\xff'/></Patient>", "not well-formed"),
        (f"<!DOCTYPE Patient><Patient {FHIR}/>".encode(), "DOCTYPE"),
        (b'<!DOCTYPE x [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]><x>&b;</x>', "DOCTYPE"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "DOCTYPE"),
        (patient(f"<text><div {XHTML}>&nbsp;</div></text>"), "undefined entity .*&#160;"),
        (patient('<birthDat value="2000"/>'), "Patient: the element birthDat is not known here"),
        (patient('<active xmlns="http://x.example" value="true"/>'), "element active of the namespace http://x.example"),
        (patient('<name/><name><given value="a"/><given><x/></given></name>'), r"Patient\.name\[1\]\.given\[1\]: .* x"),
        (patient('<active value="true" x="1"/>'), r"Patient\.active: the attribute x is not known"),
        (patient('<active value="true">x</active>'), r"Patient\.active: there is text .* 'x'"),
        (patient('<name value="a"/>'), r"Patient\.name\[0\]: the attribute value is not known"),
        (patient("<active/>"), r"Patient\.active: the element has neither a value nor an extension"),
        (patient("<name/>"), r"Patient\.name\[0\]: the element is empty"),
        (patient('<active value="true"/><active value="true"/>'), r"Patient\.active: .* more than once"),
        (patient(f"<text><div {XHTML}/><div {XHTML}/></text>"), r"Patient\.text: .* div .* more than once"),
        (patient("<text><div>x</div></text>"), r"Patient\.text: the element div is not known here"),
        (patient("<contained><Unheard/></contained>"), r"Patient\.contained\[0\]: .*Unheard is not a resource type"),
        (patient("<contained><Basic/><Basic/></contained>"), r"Patient\.contained\[0\]: .* one resource only"),
        (patient('<extension url="u"><valueDecimal value="1e9999"/></extension>'),
         r"Patient\.extension\[0\]\.value: the number 1e9999"),
        (patient('<extension url="u">' * 51 + "</extension>" * 51), "more than 100 levels deep"),
        (patient("<contained><Patient>" * 10_000), "more than 100 levels deep"),
    ],
)  # fmt: skip
def test_what_is_refused_and_with_which_words(raw: bytes, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        xml_codec.decode(raw)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(BadRequest) as caught:
        xml_codec.decode(patient('<x/><active y="1" value="true"/><name><given/></name>'))
    expressions = [issue.expression for issue in caught.value.issues]
    assert expressions == ["Patient", "Patient.active", "Patient.name[0].given[0]"]


def test_problems_are_named_up_to_a_bound() -> None:
    with pytest.raises(BadRequest) as caught:
        xml_codec.decode(patient("<x/>" * 1000))
    assert len(caught.value.issues) == 50


def test_what_is_unknown_is_read_over_at_any_depth() -> None:
    with pytest.raises(BadRequest, match="the element x is not known here"):
        xml_codec.decode(patient("<x>" * 50_000 + "</x>" * 50_000))


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({}, "no known resourceType"),
        ({"resourceType": "Unheard"}, "no known resourceType"),
        ({"resourceType": "Patient", "contained": [1]}, "no known resourceType"),
        ({"resourceType": "Patient", "x": 1}, "Patient has no element x"),
        ({"resourceType": "Patient", "name": [{"_x": 1}]}, "HumanName has no element _x"),
        ({"resourceType": "Patient", "name": {}}, r"Patient\.name is not an array"),
        ({"resourceType": "Patient", "name": ["a"]}, r"Patient\.name is not an object"),
        ({"resourceType": "Patient", "active": {}}, r"Patient\.active is not a value"),
        ({"resourceType": "Patient", "_active": 1}, r"Patient\.active is not a value"),
        ({"resourceType": "Patient", "extension": [{"url": []}]}, "not a primitive"),
        ({"resourceType": "Patient", "name": [{"text": "\x01"}]}, r"U\+0001"),
        ({"resourceType": "Patient", "name": [{"text": "\ud800"}]}, r"U\+D800"),
        ({"resourceType": "Patient", "id": "\uffff"}, r"U\+FFFF"),
    ],
)
def test_what_xml_cannot_carry_is_not_dropped_but_refused(resource: Json, words: str) -> None:
    with pytest.raises(NotAcceptable, match=words):
        xml_codec.encode(resource)


@pytest.mark.parametrize(
    ("inner", "is_allowed"),
    [
        ('<valueAddress><city value="x"/></valueAddress>', True),
        ('<valueAddress id="i"/>', True),
        ('<valueString id="i" value="x"/>', True),
        ('<valueAddress><line value="x"/></valueAddress>', False),
        ('<valueAddress><city id="i" value="x"/></valueAddress>', False),
        ('<valueAddress><city><extension url="u"/></city></valueAddress>', False),
        ('<extension url="u"/>', False),
    ],
)
def test_no_document_is_deeper_than_json_may_be(inner: str, is_allowed: bool) -> None:
    levels = 49  # of two each, array and object, in the object of the patient
    raw = patient('<extension url="u">' * levels + inner + "</extension>" * levels)
    if is_allowed:
        json_codec.decode(json_codec.encode(xml_codec.decode(raw)))
        return
    with pytest.raises(BadRequest, match="nested more than 100 levels"):
        xml_codec.decode(raw)


def test_a_document_declares_few_namespace_prefixes() -> None:
    declared = " ".join(f'xmlns:p{number}="urn:{number}"' for number in range(60))
    with pytest.raises(BadRequest, match="namespace prefixes"):
        xml_codec.decode(f'<Patient xmlns="http://hl7.org/fhir" {declared}/>'.encode())


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "utf-16"])
def test_another_encoding_is_refused(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><Patient xmlns="http://hl7.org/fhir"/>'
    for raw in (text.encode(encoding), text.encode()):
        with pytest.raises(BadRequest, match="UTF-8"):
            xml_codec.decode(raw)


def test_utf_8_may_be_declared() -> None:
    raw = b'<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"/>'
    assert xml_codec.decode(raw) == {"resourceType": "Patient"}


def test_a_body_of_tiny_elements_is_refused_before_it_takes_memory() -> None:
    text = b'<Patient xmlns="http://hl7.org/fhir">' + b'<name id="a"/>' * 900_000 + b"</Patient>"
    with pytest.raises(PayloadTooLarge, match="elements") as caught:
        xml_codec.decode(text)
    assert caught.value.issues[0].code == "too-costly"


def test_elements_of_narrative_do_not_count() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml">' + "<b>x</b>" * 200_000 + "</div>"
    text = f'<Basic xmlns="http://hl7.org/fhir"><text><status value="generated"/>{div}</text></Basic>'
    assert xml_codec.decode(text.encode())["text"]["div"] == div
