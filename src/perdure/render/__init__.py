"""Pictures of integrations, and of how far an execution has come on one: laid out once, printed in four forms."""
