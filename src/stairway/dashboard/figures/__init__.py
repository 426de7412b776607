"""Figures of the report, as plain data that Plotly's own script draws."""
