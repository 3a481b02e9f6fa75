"""Bytes from outside, read within limits: JSON, CSV, packed files, bodies of HTTP answers.

Belongs here: what holds for whatever comes from another machine or from a person's file, so that no input takes more
memory or time than the honest one it stands for. Not here: any field, any system, any class of error that says what
to do next: who reads knows the record and the remedy, and says so.
"""
