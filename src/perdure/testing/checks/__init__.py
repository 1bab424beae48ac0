"""The checks of `perdure.testing.checker`: each looks at the evidence for one invariant."""
