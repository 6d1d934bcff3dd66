"""Markdown documents of this repository: their commands, headings and links."""
