"""Benchmarks of Marquee and other libraries, on the same data in the same run: ``make bench``."""
