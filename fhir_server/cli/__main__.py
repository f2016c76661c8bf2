"""`python -m fhir_server.cli`: the same command line where it is not on PATH."""

from fhir_server.cli.main import main

main(prog_name="fhir-server")
