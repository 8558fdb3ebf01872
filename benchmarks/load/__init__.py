"""The site under load: people who browse, search, rate and sign up, against PostgreSQL."""
