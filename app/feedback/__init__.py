"""What users say and see: ratings, lists, impressions and visits."""
