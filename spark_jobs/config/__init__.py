"""The configuration of jobs: YAML files, and the options of the command line that override them."""
