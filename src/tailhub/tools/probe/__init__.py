"""Measuring relays for long: loss, delay, jitter, waiting, outages, bandwidth; and the table between regions.

What is measured is `measurement` and below it, all of it pure; what measures is `run`. Figures for people and programs:
`summary`, `csv_file`, `svg_chart`, `exporter`. With which keys: `keys`.
"""
