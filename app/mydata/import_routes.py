"""Pages of imports: the report, lines that wait for a title, and undo.

Each works without JavaScript; scripts get suggestions, and JSON in answer to a choice.
"""

from __future__ import annotations

from flask import abort, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.accounts import login_throttle
from app.catalogue import items as catalogue
from app.extensions import db
from app.http.negotiation import wants_json
from app.http.pagination import PAGE_SIZE, Page
from app.models import Import, Item, OpenLine
from app.mydata import mydata
from app.mydata.forms import ChoiceForm, DecisionForm, DeleteForm, ImportForm
from app.mydata.routes import data_page
from app.portability import open_lines
from app.portability.import_reports import MOST_REPORTS, Report
from app.portability.import_undo import undo
from app.portability.imports import IMPORT_SECONDS, ImportBusy, bring_in
from app.portability.uploads import ImportProblem
from app.recommend.model_watcher import serving

# Titles that are offered for a line, on its page and while its field is typed in.
FOUND, SUGGESTED = 20, 6


@mydata.post("/data/import")
def bring() -> ResponseReturnValue:
    """Import all ratings of a file that can be read and matched, or none if it is invalid."""
    form = ImportForm()
    if not form.validate():
        return data_page(form, DeleteForm(formdata=None), 422)
    login_throttle.record_attempts((login_throttle.IMPORTS, f"user {current_user.id}"))
    file, model = form.file.data, serving.model_or_none
    try:
        done = bring_in(current_user.id, file.filename or "file", file.stream, model)
    except ImportProblem as problem:
        form.file.errors = [str(problem)]
        return data_page(form, DeleteForm(formdata=None), 422)
    except ImportBusy as busy:
        form.file.errors = [str(busy)]
        page = data_page(form, DeleteForm(formdata=None), 503)
        return *page, {"Retry-After": str(IMPORT_SECONDS)}
    return redirect(url_for("mydata.report", import_id=done.id), 303)


@mydata.get("/data/imports/<id:import_id>")
def report(import_id: int) -> ResponseReturnValue:
    """Show the report of an import; 404 for other users' imports."""
    done = _own_import(import_id)
    report = Report.of(done)
    unmatched = open_lines.unmatched_lines(current_user.id, PAGE_SIZE, import_id=import_id)
    items = catalogue.items_by_id({line["item_id"] for line in report.named_lines})
    return render_template(
        "mydata/report.html",
        done=done,
        report=report,
        unmatched=unmatched,
        undecided=open_lines.count_undecided(current_user.id, import_id),
        items=items,
        most_reports=MOST_REPORTS,
    )


@mydata.post("/data/imports/<id:import_id>/undo")
def undo_import(import_id: int) -> ResponseReturnValue:
    """Undo an import; what was changed here since stays."""
    _own_import(import_id)
    staying = undo(current_user.id, import_id)
    if staying is None:
        flash("This file was undone before; nothing changed now.", "info")
    elif staying:
        flash(f"Undone. {staying:,} you changed since, so they stay as they are.", "success")
    else:
        flash("Undone: everything is as it was before this file.", "success")
    return redirect(url_for("mydata.report", import_id=import_id), 303)


@mydata.post("/data/imports/<id:import_id>/decide")
def decide(import_id: int) -> ResponseReturnValue:
    """Take all undecided titles of a file as seen, or put them on the watchlist."""
    _own_import(import_id)
    form = DecisionForm()
    if not form.validate():
        abort(422)
    open_lines.decide(current_user.id, import_id, form.mark.data, serving.model_or_none)
    return redirect(url_for("mydata.report", import_id=import_id), 303)


@mydata.get("/data/lines")
def lines() -> ResponseReturnValue:
    """Show all lines of the user's files that wait for a title."""
    page = Page.requested(open_lines.count_unmatched(current_user.id))
    unmatched = open_lines.unmatched_lines(current_user.id, PAGE_SIZE, page.offset)
    return render_template("mydata/lines.html", unmatched=unmatched, page=page)


@mydata.get("/data/lines/choose")
def choices() -> ResponseReturnValue:
    """Find titles for a line. ``?suggest`` answers with the list alone."""
    line = _own_line(request.args.get("line", ""))
    query = request.args.get("q", line.title).strip()[: catalogue.LONGEST_QUERY]
    template, limit = "mydata/choose.html", FOUND
    if "suggest" in request.args:
        template, limit = "mydata/_choices.html", SUGGESTED
    items = catalogue.search(query, limit, serving.titles)
    return render_template(template, line=line, sought=query, items=items)


@mydata.post("/data/lines/choose")
def choose() -> ResponseReturnValue:
    """Match a line to the title that the user chose, and store what it says, at once."""
    form = ChoiceForm()
    if not form.validate():
        abort(422)
    item = db.get_or_404(Item, form.item.data)
    line = open_lines.choose(current_user.id, form.line.data, item.id, serving.model_or_none)
    if line is None:
        abort(404)
    message = f"“{line.title}” is {item.full_title}."
    if wants_json():
        return jsonify(message=message, undo=None)
    flash(message, "success")
    if line.import_id is None:
        return redirect(url_for("mydata.lines"), 303)
    return redirect(url_for("mydata.report", import_id=line.import_id), 303)


def _own_import(import_id: int) -> Import:
    done = db.session.get(Import, import_id)
    if done is None or done.user_id != current_user.id:
        abort(404)
    return done


def _own_line(key: str) -> OpenLine:
    line = db.session.get(OpenLine, (current_user.id, key))
    if line is None or line.match_id is not None:
        abort(404)
    return line
