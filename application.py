"""The WSGI entry point: ``application`` is what Elastic Beanstalk, gunicorn and ``flask`` serve."""

from app import create_app

application = create_app()
