"""The language of conditions and mappings, behind `perdure.domain.expression.Evaluator`."""
