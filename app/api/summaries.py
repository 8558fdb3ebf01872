"""Summaries of routes for a catalogue of games, where they differ from those for movies."""

from __future__ import annotations

# By blueprint.
DESCRIPTIONS_FOR_HOURS = {
    "api": "People, what they have, and recommendations.",
}
# By method and path, as in the document before its names are translated.
SUMMARIES_FOR_HOURS = {
    "GET /api/v1/user/{user_id}/{ratings}/top": (
        "What someone has, most hours first, newer first among equals."
    ),
    "GET /api/v1/user/{user_id}/{ratings}/latest": (
        "What someone has, newest first, more hours first among equals."
    ),
    "PUT /api/v1/user/{user_id}/{rating}": (
        "Say that someone has a title and for how many hours they played it."
    ),
    "DELETE /api/v1/user/{user_id}/{rating}": (
        "Take a title out of what someone has; done already, it stays done."
    ),
    "PUT /api/v1/user/{user_id}/watched": (
        "Note that someone has a title, with 0 hours, unless theirs are known."
    ),
    "DELETE /api/v1/user/{user_id}/watched": "Take that back; hours that were given stay.",
    "GET /api/v1/user/{user_id}/recommendations": (
        "The best titles by what someone has at this moment; without any, popular ones."
    ),
    "POST /api/v1/recommendations/batch": (
        "The same for many people at once, known ones and lists of hours that nobody keeps."
    ),
    "GET /api/v1/{movies}/top": "Titles that most people have, longer played first among equals.",
    "GET /api/v1/user/{user_id}/estimate/{movie_id}": (
        "How well a title fits what someone has at this moment, from 0 to 1."
    ),
    "GET /api/v1/user/{user_id}/because/{movie_id}": (
        "What each title that someone has adds to the score of a title, exactly."
    ),
    "GET /features": "Ids of what someone has, ascending.",
}
