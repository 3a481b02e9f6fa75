"""The Dagster layer: what runs, in which order, on which day, and what is shown about it.

Belongs here: assets, checks, partitions, jobs, schedules, sensors, the connector as a resource.
Does not belong here: any rule of the business. An asset calls one flow per company and keeps its report.
"""
