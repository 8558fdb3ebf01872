"""Summaries of routes for other catalogues, where they differ from those for movies."""

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
    "PUT /api/v1/user/{user_id}/{watched}": (
        "Note that someone has a title, with 0 hours, unless theirs are known."
    ),
    "DELETE /api/v1/user/{user_id}/{watched}": "Take that back; hours that were given stay.",
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
_SEEN = "/api/v1/user/{user_id}/{watched}"
_RATING = "/api/v1/user/{user_id}/{rating}"
# Where anything but films is rated.
SUMMARIES_FOR_RATINGS = {
    f"PUT {_RATING}": (
        "Rate, in place of any earlier rating; rounded to the nearest step of the scale, halves of"
        " it upwards."
    ),
    f"PUT {_SEEN}": "Note that someone knows a title, as an implicit rating, unless they rated it.",
}
# Where it is counted how often people use a title.
SUMMARIES_FOR_COUNTS = {
    **SUMMARIES_FOR_HOURS,
    "GET /api/v1/user/{user_id}/{ratings}/top": (
        "What someone has, the highest count first, newer first among equals."
    ),
    "GET /api/v1/user/{user_id}/{ratings}/latest": (
        "What someone has, newest first, higher counts first among equals."
    ),
    f"PUT {_RATING}": "Say that someone has a title, and how often they used it.",
    f"PUT {_SEEN}": "Note that someone has a title, counted once, unless their count is known.",
    f"DELETE {_SEEN}": "Take that back; counts that were given stay.",
    "POST /api/v1/recommendations/batch": (
        "The same for many people at once, known ones and lists of titles that nobody keeps."
    ),
    "GET /api/v1/{movies}/top": "Titles that most people have, most used first among equals.",
}
# Where it is known only who has a title.
SUMMARIES_FOR_HAVING = {
    **SUMMARIES_FOR_COUNTS,
    "GET /api/v1/user/{user_id}/{ratings}/top": "What someone has, newest first.",
    "GET /api/v1/user/{user_id}/{ratings}/latest": "What someone has, newest first.",
    f"PUT {_RATING}": "Say that someone has a title; the value is always 1.",
    f"PUT {_SEEN}": "Note that someone has a title, unless they said so themselves.",
    f"DELETE {_SEEN}": "Take that back; what they said themselves stays.",
    "GET /api/v1/{movies}/top": "Titles that most people have.",
}
# By ``FeedbackKind.summaries``.
SUMMARIES = {
    "hours": SUMMARIES_FOR_HOURS,
    "ratings": SUMMARIES_FOR_RATINGS,
    "counts": SUMMARIES_FOR_COUNTS,
    "having": SUMMARIES_FOR_HAVING,
}
DESCRIPTIONS = dict.fromkeys(("hours", "counts", "having"), DESCRIPTIONS_FOR_HOURS)
