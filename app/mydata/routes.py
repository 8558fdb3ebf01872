"""Pages of import, export, deletion, and accuracy."""

from __future__ import annotations

from flask import Response, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.accounts import login_sessions
from app.accounts import service as accounts
from app.extensions import db
from app.models import User
from app.mydata import mydata
from app.mydata.downloads import download
from app.mydata.forms import DeleteForm, ImportForm
from app.portability.exports import as_csv_files, as_json, everything_of
from app.portability.import_reports import Report, newest_reports
from app.portability.open_lines import count_unmatched
from app.recommend.model_watcher import serving
from app.reports.accuracy import accuracy_of
from app.reports.charts import errors_over_time


@mydata.get("/data")
def index() -> ResponseReturnValue:
    """Show the import, the exports and the deletion."""
    return data_page(ImportForm(), DeleteForm(formdata=None))


@mydata.get("/data/export.json")
def export_json() -> Response:
    """Export everything that is stored about the user."""
    whole = everything_of(db.session.get_one(User, current_user.id))
    return download(as_json(whole), "marquee", "json")


@mydata.get("/data/export.zip")
def export_csv() -> Response:
    """Export the same as CSV files; ratings.csv can be imported again."""
    whole = everything_of(db.session.get_one(User, current_user.id))
    return download(as_csv_files(whole), "marquee", "zip")


@mydata.post("/data/delete")
def delete() -> ResponseReturnValue:
    """Delete the account and everything that belongs to it."""
    form = DeleteForm()
    if form.validate() and not accounts.is_present_password(current_user, form.password.data):
        form.password.errors = ["This is not your password, so nothing was deleted."]
    if form.errors:
        return data_page(ImportForm(formdata=None), form, 422)
    user = db.session.get_one(User, current_user.id)
    login_sessions.end()
    accounts.delete_account(user)
    flash("Your account and everything in it is gone. Thank you for having been here.", "info")
    return redirect(url_for("base.login"), 303)


@mydata.get("/accuracy")
def accuracy() -> ResponseReturnValue:
    """Show the error of predictions over time, beside that of the community mean."""
    kind = serving.feedback_kind
    if not kind.has_accuracy:
        abort(404)
    accuracy = accuracy_of(current_user.id, kind.per_star)
    chart = errors_over_time(accuracy)
    return render_template("mydata/accuracy.html", accuracy=accuracy, chart=chart)


def data_page(form: ImportForm, delete_form: DeleteForm, status: int = 200) -> tuple[str, int]:
    """Render the page with these forms."""
    imports = [(done, Report.of(done)) for done in newest_reports(current_user.id, limit=10)]
    forms = {"form": form, "delete_form": delete_form}
    unmatched = count_unmatched(current_user.id)
    return render_template(
        "mydata/index.html", **forms, imports=imports, unmatched=unmatched
    ), status
