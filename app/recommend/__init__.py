"""The model in service, and recommendations made with it."""
