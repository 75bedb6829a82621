def pytest_terminal_summary(terminalreporter):
    """Says what was run of the documentation, what was only read, and why."""
    rows = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                rows += [row for name, found in report.user_properties if name == "documentation" for row in found]
    if rows:
        terminalreporter.write_sep("-", "documentation")
    for page, what, count in rows:
        terminalreporter.write_line(f"{page:24}{what}: {count}")
