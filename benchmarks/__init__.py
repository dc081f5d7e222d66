"""Figures that the documentation states, each with the command that gives it; see README.md. No part of the portal."""
