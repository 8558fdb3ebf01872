"""What every request and response shares; knows no subject and no page of the site."""
