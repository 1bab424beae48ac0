"""Between the rules, what is stored and the contract."""
