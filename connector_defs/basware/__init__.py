"""Everything that knows Basware's wire: hosts, tokens, entities, documents, the client. Nothing of SYSPRO."""
