"""The report of an evaluation: its JSON document, tables, plots and page."""
