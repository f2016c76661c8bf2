"""The command line, one file per command.

main      the group `fhir-server` and its exit codes
run       starts MongoDB where needed, then the server, then fills in the demo hospital
load      sends files of resources to a running server
demo      writes the demo hospital's Bundles, or loads them
doctor    what is missing on this machine and how to get it
welcome   what `run` does and says once the server is ready
options   settings of the environment under the options given
version   the versions that a bug report needs
"""
