"""What the connector must survive, by number: faults F, hostile inputs H. Every one needs a test that shows it.

Belongs here: the numbers and what they stand for. Which tests show them is told by the tests: by their name
(`test_f12_…`, `test_h3_…`) or by the marker `covers("F12", "I1")`. `evidence` collects, runs and lists them.
"""

from collections.abc import Mapping

FAULTS: Mapping[str, str] = {
    "F1": "killed after an invoice was read, before it is stored",
    "F2": "killed after an invoice is stored, before it is acknowledged",
    "F3": "Basware took the acknowledge, its reply was lost",
    "F4": "killed after the acknowledge, before the intent",
    "F5": "killed after the intent, before the post",
    "F6": "SYSPRO posted, its reply was lost",
    "F8": "the look-up fails as well",
    "F9": "killed after the posting was read back, before that is stored",
    "F10": "the transfer response is lost or refused for now",
    "F11": "the answer comes after Basware's recovery window",
    "F12": "a user transfers a posted invoice again",
    "F15": "two workers, or two runs, take one invoice",
    "F16": "the operator's session is ended in mid-batch",
    "F18": "no licence seat is free",
    "F19": "the period closes during the day",
    "F20": "a payment is repeated, or comes in parts",
    "F21": "a notification is lost, late, doubled, out of order, forged or another tenant's",
    "F22": "no notification arrives for a while, then 5,000 invoices at once",
    "F23": "Basware accepts a record and refuses it hours later",
    "F24": "a record is missing in P2P, and an identical one is ignored",
    "F25": "killed between the slices of a long order",
    "F26": "lines before their header, orders before their supplier",
    "F28": "the state store is full, locked or away",
    "F29": "the token runs out, the secret changes, the clock is off",
    "F30": "region or company does not fit",
    "F31": "an invoice kills its worker each time",
    "F32": "the state is restored from yesterday's backup",
}

HOSTILE_INPUTS: Mapping[str, str] = {
    "H1": "markup characters in names",
    "H2": "control characters and broken Unicode in texts",
    "H3": "letters that a Windows-1252 company cannot hold",
    "H6": "documents made to exhaust a parser",
    "H7": "JSON with surprises",
    "H8": "amounts that can be read in two ways",
    "H9": "lines off the header by a cent, and by more",
    "H10": "credit notes of both forms, and nothing to pay",
    "H12": "keys too long for an external code",
    "H13": "supplier codes that are almost equal",
    "H14": "impossible and unusual dates",
    "H15": "GL codes that must not be posted to",
    "H17": "an order line twice, without quantity, or deleted and back",
    "H18": "cells that a spreadsheet would run",
    "H19": "control characters and forged entries in texts that are logged",
    "H20": "redirects to where they must not lead",
    "H21": "webhook bodies rewritten, oversized, misspelt or unknown",
    "H23": "bank details changed in Basware",
}

CATALOGUE: Mapping[str, str] = {**FAULTS, **HOSTILE_INPUTS}
