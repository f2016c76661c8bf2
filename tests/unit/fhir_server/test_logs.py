"""Lines of the log."""

import json
import logging

from fhir_server.logs import Lines


def test_a_line_has_the_event_and_its_fields() -> None:
    record = logging.getLogger("fhir_server.test").makeRecord(
        "fhir_server.test", logging.ERROR, "x.py", 1, "request %s", ("failed",), None, extra={"request_id": "r1"}
    )
    line = json.loads(Lines().format(record))
    assert (line["event"], line["level"], line["request_id"]) == ("request failed", "error", "r1")
    assert line["time"].endswith("+00:00")
    assert "args" not in line
