from copy import deepcopy
from typing import Any

import pytest

from resources import paths

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "birthDate": "1974-12-25",
    "name": [{"use": "official", "given": ["Peter", "James"]}, {"use": "usual", "given": ["Jim"]}],
    "contact": [{"relationship": [{"text": "mother"}]}],
}


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("name.where(use = 'official').given", ["Peter", "James"]),
        ("Patient.name.given.count()", [3]),
        ("Patient.deceased", []),
        ("birthDate.exists() and name.exists()", [True]),
        ("%resource.name[1].given", ["Jim"]),
        ("%limit + 1", [3]),
    ],
)
def test_evaluate(expression: str, values: list[Any]) -> None:
    before = deepcopy(PATIENT)
    assert paths.evaluate(expression, PATIENT, {"limit": 2}) == values
    assert before == PATIENT


@pytest.mark.parametrize("expression", ["name.where(", "unheardOf()", "%nothing"])
def test_what_cannot_be_evaluated_is_a_path_error(expression: str) -> None:
    with pytest.raises(paths.PathError):
        paths.evaluate(expression, PATIENT)
