"""What Marquee costs, against its peers on the same data in the same run: ``make bench``."""
