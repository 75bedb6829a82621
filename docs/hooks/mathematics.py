"""Formulas in LaTeX become MathML when the site is built: browsers show it without any script."""

import html
import re

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(html: str, **_) -> str:
    return FORMULA.sub(mathml, html)


def mathml(formula: re.Match) -> str:
    tag, bracket, latex = formula.groups()
    display = "block" if bracket == "[" else "inline"
    return f'<{tag} class="formula">{convert(html.unescape(latex.strip()), display=display)}</{tag}>'
