"""One module per business object: what is sent to it, and what its reply says. Pure text in and out."""
