"""The parts of the page as HTML; every name that comes from a user is escaped."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from comparison.entries import Entry
from comparison.page.table import COLUMNS, Column, shown, signed, written
from comparison.verdict import Pick


def cards(picks: Sequence[Pick]) -> str:
    """A card for each recommendation."""
    return "\n".join(
        f'<div class="card"><span>{escape(pick.purpose)}</span>'
        f"<b>{escape(pick.entry.name)}</b><p>{escape(pick.reason)}</p></div>"
        for pick in picks
    )


def warnings(sentences: Sequence[str]) -> str:
    """A paragraph each, that can't be overlooked."""
    return "".join(f'<p class="warning">{escape(text)}</p>' for text in sentences)


def main_table(entries: Sequence[Entry]) -> str:
    """All figures that tell something."""
    figures = [entry.figures() for entry in entries]
    columns = shown(entries)
    heads = [_head("model", "", is_text=True), _head("mAP50", COLUMNS[0].meaning)]
    heads[1] = heads[1].replace('"none"', '"descending"')  # as the entries come
    heads.append(_head("vs best", "difference of mAP50 to the best"))
    heads += [_head(column.head, column.meaning) for column in columns]
    lines = [
        f'<tr><th scope="row">{escape(entry.name)}</th>{_score(entry, row)}'
        f"{_lead(entry, entries[0])}"
        + "".join(_cell(row[c.key], c.form, *_ends(row, c)) for c in columns)
        + "</tr>"
        for entry, row in zip(entries, figures, strict=True)
    ]
    return _table(heads, lines, "sortable")


def class_table(entries: Sequence[Entry]) -> str:
    """mAP50 of each class, and AP behind it."""
    names = list(entries[0].scores[0].per_class)
    heads = [_head("model", "", is_text=True)]
    heads += [_head(f"{name} {kind}", "") for name in names for kind in ("mAP50", "AP")]
    lines = []
    for entry in entries:
        values = [entry.per_class("mAP50"), entry.per_class("AP")]
        cells = [_cell(value[name], ".3f") for name in names for value in values]
        name = escape(entry.name)
        lines.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    return _table(heads, lines, "sortable")


def differences(entries: Sequence[Entry]) -> str:
    """mAP50 of each entry minus that of each other."""
    heads = ["<th></th>"]
    heads += [f'<th scope="col">{escape(entry.name)}</th>' for entry in entries]
    lines = []
    for entry in entries:
        cells = []
        for other in entries:
            if entry is other:
                cells.append('<td class="alike">·</td>')
                continue
            lead, low, high = entry.lead_over(other)
            kind = "apart" if entry.differs_from(other) else "alike"
            cells.append(
                f'<td class="{kind}">{signed(lead)}<br>'
                f"<small>{signed(low)} to {signed(high)}</small></td>"
            )
        name = escape(entry.name)
        lines.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    return _table(heads, lines, "differences")


def switch(names: Sequence[str]) -> str:
    """A radio button for each model; the first is chosen."""
    return "\n".join(
        f'<label><input type="radio" name="model" value="{i}"'
        f"{' checked' if i == 0 else ''}><span>{escape(name)}</span></label>"
        for i, name in enumerate(names)
    )


def confusion_table(model: int, counts: np.ndarray, class_names: Sequence[str]) -> str:
    """Int (C, C) of `comparison.page.page.confusion.confusion`: a line for each true
    class."""
    heads = ["<th>true class</th>"]
    heads += [f'<th scope="col">{escape(name)}</th>' for name in class_names]
    heads.append('<th scope="col">missed</th>')
    lines = []
    for true in (*range(1, len(counts)), 0):
        row = counts[true]
        cells = []
        for found in (*range(1, len(counts)), 0):
            if true == found == 0:
                cells.append("<td></td>")
                continue
            share = row[found] / max(row.sum(), 1) if true else 0
            good = ' class="good"' if true == found else ""
            cells.append(f'<td{good} style="--share:{share:.3f}">{row[found]}</td>')
        name = escape(class_names[true - 1]) if true else "nothing there"
        lines.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    hidden = "" if model == 0 else " hidden"
    table = _table(heads, lines, "confusion", "columns: what was detected")
    return f'<div data-model="{model}"{hidden}>{table}</div>'


def settings(items: Mapping[str, str]) -> str:
    """A list of terms."""
    return "\n".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>"
        for name, text in items.items()
    )


def commands(entries: Sequence[Entry]) -> str:
    """What each is and how it was trained, to be unfolded."""
    return "\n".join(
        f"<details><summary>{escape(entry.name)}</summary>"
        + "".join(
            f"<p>{escape(run.about)}</p>"
            + (f"<pre>{escape(run.command())}</pre>" if run.command() else "")
            for run in entry.runs
        )
        + "</details>"
        for entry in entries
    )


def _table(
    heads: Sequence[str], lines: Sequence[str], kind: str, caption: str = ""
) -> str:
    said = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<table class="{kind}">{said}<thead><tr>{"".join(heads)}</tr></thead>\n'
        f"<tbody>\n{chr(10).join(lines)}\n</tbody></table>"
    )


def _head(name: str, meaning: str, is_text: bool = False) -> str:
    text = " data-text" if is_text else ""
    return (
        f'<th scope="col" aria-sort="none"{text}>'
        f'<button type="button" title="{escape(meaning)}">{escape(name)}</button></th>'
    )


def _cell(number: float, form: str, *ends: str) -> str:
    small = f"<br><small>{' to '.join(ends)}</small>" if ends else ""
    return f'<td data-value="{number}">{written(number, form)}{small}</td>'


def _ends(figures: Mapping[str, float], column: Column) -> list[str]:
    """Those of a figure's interval, where it has one."""
    names = [f"{column.key}_{end}" for end in ("low", "high")]
    return [written(figures[name], column.form) for name in names if name in figures]


def _score(entry: Entry, figures: Mapping[str, float]) -> str:
    low, high = figures["mAP50_low"], figures["mAP50_high"]
    spread = figures["mAP50_seed_sd"]
    seeds = f" <small>± {spread:.3f}</small>" if np.isfinite(spread) else ""
    places = f"--low:{100 * low:.1f}%;--at:{100 * entry.mAP50:.1f}%"
    return (
        f'<td data-value="{entry.mAP50}"><div class="score">{entry.mAP50:.3f}'
        f"{seeds}<br><small>{low:.3f} to {high:.3f}</small>"
        f'<div class="whisker" style="{places};--high:{100 * high:.1f}%">'
        "<i></i><b></b></div></div></td>"
    )


def _lead(entry: Entry, best: Entry) -> str:
    lead = entry.mAP50 - best.mAP50
    if entry is best:
        text = '<span class="badge best">best</span>'
    elif entry.differs_from(best):
        text = signed(lead)
    else:
        text = f'{signed(lead)} <span class="badge">≈ best</span>'
    return f'<td data-value="{lead}">{text}</td>'
