"""Valid resources, and copies of them with one thing changed, for the tests of validation."""

import copy
from pathlib import Path
from typing import Any

from resources import json_codec

Json = dict[str, Any]
GONE = object()

SAMPLES: dict[str, Json] = json_codec.decode(Path(__file__).with_name("validation_samples.json").read_bytes())
PATIENT, OBSERVATION, CONDITION = SAMPLES["patient"], SAMPLES["observation"], SAMPLES["condition"]
BUNDLE, MEDICATION_REQUEST = SAMPLES["bundle"], SAMPLES["medication_request"]


def changed(base: Json, *path_and_value: Any) -> Json:
    """A copy of `base` with the value at the path replaced, or taken out if it is GONE."""
    *path, last, value = path_and_value
    copied = copy.deepcopy(base)
    place: Any = copied
    for step in path:
        place = place[step]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return copied
