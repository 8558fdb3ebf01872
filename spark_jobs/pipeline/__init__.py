"""From data to a release in service: stages, their configuration, and the command."""
