"""Private messages: what is stored, and what tokens hold."""
