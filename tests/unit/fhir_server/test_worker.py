"""A server process that cannot start says why in a line."""

import json
import os
import subprocess
import sys


def test_wrong_settings_are_a_line_each_without_their_values() -> None:
    wrong = {"MONGODB_URI": "mongodb://user:s3/cret@host", "FHIR_PORT": "many"}
    ended = subprocess.run(
        [sys.executable, "-m", "fhir_server.worker", "0", str(os.getpid())],
        env=os.environ | wrong,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    events = [json.loads(line)["event"] for line in ended.stderr.splitlines()]
    assert len(events) == 2
    assert "MONGODB_URI: not a connection string of MongoDB" in events[0]
    assert "port: " in events[1]
    assert "cret" not in ended.stderr
