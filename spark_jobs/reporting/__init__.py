"""Reports for people (HTML, charts) and programs (JSON)."""
